"""The parts of messages and tool outputs as content blocks.

| part                                       | block                                                     |
|--------------------------------------------|-----------------------------------------------------------|
| input_text, output_text, refusal           | text; none for blank text, which Anthropic refuses        |
| input_image, data URL of jpeg/png/gif/webp | image, base64                                             |
| input_image, http(s) URL                   | image, url                                                |
| input_file, data URL of a PDF              | document, base64                                          |
| encrypted_content of a tool's output       | text: another agent of the client wrote it                |
| anything else                              | a short note in its place, and a loss                     |
"""

import base64
import re
from collections.abc import Iterator, Sequence

from converters.anthropic.dialect import AnthropicDialect
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import wire

_IMAGE_TYPES = {"image/jpeg", "image/png", "image/gif", "image/webp"}
_PDF = "application/pdf"
_DATA_URL = re.compile(r"data:([\w.+/-]+)(?:;[\w=.-]+)*;base64,", re.IGNORECASE)
_BLANKS = re.compile(r"\s+")


def text(words: str) -> Json:
    return {"type": "text", "text": words}


def blocks(parts: Sequence[wire.Part], path: str, dialect: AnthropicDialect, losses: Losses) -> list[Json]:
    """The blocks of parts that stand at `path`; no blank text among them, so there may be none at all."""
    return list(_blocks(parts, path, dialect, losses))


def _blocks(parts: Sequence[wire.Part], path: str, dialect: AnthropicDialect, losses: Losses) -> Iterator[Json]:
    for part in parts:
        match part:
            case (
                wire.TextPart(text=words)
                | wire.RefusalPart(refusal=words)
                | wire.EncryptedPart(encrypted_content=words)
            ):
                if words.strip():
                    yield text(words)
            case wire.ImagePart():
                yield _image(part, path, dialect, losses)
            case wire.FilePart():
                yield _file(part, path, dialect, losses)
            case _:
                yield _instead(part.type, "the protocol has no such content", path, losses)


def _image(part: wire.ImagePart, path: str, dialect: AnthropicDialect, losses: Losses) -> Json:
    if not dialect.images:
        return _instead("an image", "this model takes text only", path, losses)
    url = part.image_url or ""
    if url[:8].lower().startswith(("https://", "http://")):
        return {"type": "image", "source": {"type": "url", "url": url}}
    source = _base64_source(url)
    if source is None:
        return _instead("an image", "it is neither a web address nor intact base64", path, losses)
    if source["media_type"] not in _IMAGE_TYPES:
        return _instead("an image", f"{source['media_type']} is not among jpeg, png, gif and webp", path, losses)
    return {"type": "image", "source": source}


def _file(part: wire.FilePart, path: str, dialect: AnthropicDialect, losses: Losses) -> Json:
    name = f"the file {part.filename}" if part.filename else "a file"
    if not dialect.documents:
        return _instead(name, "this upstream takes no files", path, losses)
    source = _base64_source(part.file_data or "")
    if source is None or source["media_type"] != _PDF:
        return _instead(name, "only PDF files that are sent along can be read", path, losses)
    return {"type": "document", "source": source}


def _base64_source(url: str) -> Json | None:
    """The source of a data URL; None where it is none or its base64 is damaged."""
    head = _DATA_URL.match(url)
    if head is None:
        return None
    data = _BLANKS.sub("", url[head.end() :])
    try:
        base64.b64decode(data, validate=True)
    except ValueError:  # binascii's own error, or a character that is no base64 at all
        return None
    media_type = head.group(1).lower().replace("image/jpg", "image/jpeg")
    return {"type": "base64", "media_type": media_type, "data": data} if data else None


def _instead(what: str, why: str, path: str, losses: Losses) -> Json:
    """A note where something stood: the model must know that there was something."""
    losses.note(path, what, why)
    return text(f"[Here was {what}, left out: {why}.]")
