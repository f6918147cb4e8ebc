"""`<think>` at the start of a response's text: thinking that the host did not separate."""

from typing import Literal

_TAGS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<mm:think>": "</mm:think>",
    "[THINK]": "[/THINK]",
    "◁think▷": "◁/think▷",
}

_MOST_BLANKS = 1000
"""Characters before a tag: whoever sends more sends no thinking, and to look at them again and again takes long."""

type Piece = tuple[Literal["text", "thinking"], str]


class ThinkTags:
    """Tells thinking and text apart, wherever the stream cuts the tags.

    Only the first thing of a response can be thinking: later tags are what the model talks about. Blank space around
    the tags is framing. `settled` once all that comes is text. `opened`: the model's prompt ends in `<think>`, so that
    its response begins within, and only `</think>` is seen.
    """

    def __init__(self, *, opened: bool = False) -> None:
        self._opened = opened
        self.settled = False
        self._held = ""
        self._closer = ""  # the tag that ends the thinking; "" before it
        self._after = False

    def feed(self, text: str) -> list[Piece]:
        text, self._held = self._held + text, ""
        if self.settled:
            return [("text", text)] if text else []
        if self._after:
            return self._trim(text)
        return self._inside(text) if self._closer else self._start(text)

    def close(self) -> list[Piece]:
        """What was held back; no tag can follow any more."""
        held, self._held = self._held, ""
        if not held or self._after:
            return []
        return [("thinking" if self._closer else "text", held)]

    def interrupt(self) -> list[Piece]:
        """Something else than text came: what has not begun as a tag by now is text."""
        if self._closer or self._after:
            return []
        self.settled = True
        return self.close()

    def _start(self, text: str) -> list[Piece]:
        begun = text.lstrip()
        for opener, closer in _TAGS.items():
            if begun.startswith(opener):
                self._closer = closer
                return self._inside(begun[len(opener) :])
        if any(opener.startswith(begun) for opener in _TAGS) and len(text) < _MOST_BLANKS:  # "" too
            self._held = text
            return []
        if self._opened:
            self._closer = _TAGS["<think>"]
            return self._inside(begun)
        self.settled = True
        return [("text", text)]

    def _inside(self, text: str) -> list[Piece]:
        thinking, found, rest = text.partition(self._closer)
        if not found:
            cut = len(text) - _overlap(text, self._closer)
            thinking, self._held = text[:cut], text[cut:]
        pieces: list[Piece] = [("thinking", thinking)] if thinking else []
        if found:
            self._after = True
            pieces += self._trim(rest)
        return pieces

    def _trim(self, text: str) -> list[Piece]:
        text = text.lstrip()
        self.settled = bool(text)
        return [("text", text)] if text else []


def _overlap(text: str, tag: str) -> int:
    """How many characters at the end of a text may begin the tag."""
    return next((size for size in range(min(len(tag) - 1, len(text)), 0, -1) if tag.startswith(text[-size:])), 0)
