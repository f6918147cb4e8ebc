"""Messages' and outputs' parts as chat content.

| part                      | becomes                                                                          |
|---------------------------|----------------------------------------------------------------------------------|
| text                      | text; a message of texts only is one string                                      |
| input_image               | image_url (vision), else a placeholder                                           |
| input_audio (wav, mp3)    | input_audio, where images are taken too; else a placeholder                      |
| input_file, encrypted ... | a placeholder: the model knows that something was there, the loss is listed      |
"""

from converters.chat.dialect import ChatDialect
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import wire

_DETAILS = {"original": "high"}  # only Responses knows `original`


class Contents:
    """Converts parts for one upstream and lists what it does not take."""

    def __init__(self, dialect: ChatDialect, losses: Losses) -> None:
        self._media = dialect.images
        self._losses = losses

    def user(self, parts: list[wire.Part], path: str) -> str | list[Json]:
        """A user message's content: a string, unless something else than text is in it."""
        converted = [self._part(part, f"{path}.content[{index}]") for index, part in enumerate(parts)]
        if all(part["type"] == "text" for part in converted):
            return "\n\n".join(part["text"] for part in converted)
        return converted

    def words(self, parts: list[wire.Part], path: str) -> str:
        """The texts alone, for a message that can hold nothing else."""
        return "\n\n".join(self._word(part, f"{path}.content[{index}]") for index, part in enumerate(parts))

    def tool(self, parts: list[wire.Part], path: str) -> tuple[str, list[Json]]:
        """A tool's output: its message's text, and the images that have to follow in a user message."""
        texts: list[str] = []
        images: list[Json] = []
        for index, part in enumerate(parts):
            converted = self._part(part, f"{path}.output[{index}]")
            if converted["type"] == "text":
                texts.append(converted["text"])
            else:
                images.append(converted)
                texts.append("[an image, shown in the next user message]")
        return "\n".join(texts), images

    def _word(self, part: wire.Part, path: str) -> str:
        if isinstance(part, wire.TextPart):
            return part.text
        return self._placeholder(part.type, path, "this message can hold text only")

    def _part(self, part: wire.Part, path: str) -> Json:
        match part:
            case wire.TextPart(text=text):
                return _text(text)
            case wire.RefusalPart(refusal=text):
                return _text(text)
            case wire.ImagePart():
                return self._image(part, path)
            case wire.AudioPart(input_audio=dict(audio)) if self._media and audio.get("format") in ("wav", "mp3"):
                return {"type": "input_audio", "input_audio": {"data": audio.get("data"), "format": audio["format"]}}
            case _:
                return _text(self._placeholder(part.type, path, "Chat Completions has no such part"))

    def _image(self, part: wire.ImagePart, path: str) -> Json:
        if not self._media:
            return _text(self._placeholder("image", path, "the model takes text only"))
        if not part.image_url:
            return _text(self._placeholder("image", path, "an uploaded file is known to its own provider only"))
        image: Json = {"url": part.image_url}
        if part.detail:
            image["detail"] = _DETAILS.get(part.detail, part.detail)
        return {"type": "image_url", "image_url": image}

    def _placeholder(self, what: str, path: str, why: str) -> str:
        self._losses.note(path, what, why)
        return f"[{what} left out: {why}]"


def _text(text: str) -> Json:
    return {"type": "text", "text": text}
