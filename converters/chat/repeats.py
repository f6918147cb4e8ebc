"""Chunks that repeat the one before in all but their text, read without parsing them.

Nearly all chunks of a stream are so, and parsing costs more than all else that is done with one. What stands before and
after the text is learned from a chunk that was parsed; a chunk with the same bytes there, and a text between that holds
nothing escaped, would be parsed to the same but for that text.
"""

import re

from converters.jsontext import Json

_KEYS = ("content", "reasoning_content", "reasoning")
_TEXT = rb'[^"\\\x00-\x1f]+'
_is_text = re.compile(_TEXT).fullmatch
_values = {key: re.compile(b'"%b": ?"(%b)"' % (key.encode(), _TEXT)) for key in _KEYS}
_MOST_TRIES = 4
"""Chunks learned in a row without use; some hosts put a random text or the time into each."""


class Repeats:
    """`key` is the delta's field that the text stands in."""

    def __init__(self) -> None:
        self.key = ""
        self._before = self._after = b""
        self._tries = 0

    def text_of(self, data: bytes) -> str:
        """The chunk's text, if it repeats the one learned; else an empty one."""
        if not (self.key and data.startswith(self._before) and data.endswith(self._after)):
            return ""
        text = data[len(self._before) : -len(self._after)]
        if not _is_text(text):
            return ""
        self._tries = 0
        try:
            return text.decode()
        except UnicodeDecodeError:
            return ""

    def learn(self, data: bytes, chunk: Json) -> None:
        """`chunk` is what `data` says."""
        if self._tries == _MOST_TRIES:
            return
        self._tries += 1
        self.key = _only_text(chunk)
        if self.key and data.count(b'"%b"' % self.key.encode()) == 1 and (found := _values[self.key].search(data)):
            self._before, self._after = data[: found.start(1)], data[found.end(1) :]
        else:
            self.key = ""


def _only_text(chunk: Json) -> str:
    """The one field that a chunk's delta says something in, if it is a text and the chunk says nothing else."""
    match chunk:
        case {"choices": [{"delta": {**delta}, **choice}], **rest}:
            said = [key for key, value in delta.items() if value and key != "role"]
            known = not any(choice.values()) and not rest.get("usage")
            return said[0] if known and len(said) == 1 and said[0] in _KEYS else ""
        case _:
            return ""
