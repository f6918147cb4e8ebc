"""Messages that repeat the one before in all but a text, read without parsing them.

Nearly all messages of a stream are so, and parsing costs more than all else that is done with one. What stands before
and after the text is learned from a message that was parsed; a message with the same bytes there, and a text between
that holds nothing escaped, would be parsed to the same but for that text.
"""

import re
from functools import cache

_TEXT = rb'[^"\\\x00-\x1f]+'
_is_text = re.compile(_TEXT).fullmatch
_MOST_TRIES = 4
"""Messages learned in a row without use; some hosts put a random text or the time into each."""


class DeltaTemplate:
    """`key` names the field that the text stands in; "" as long as none was learned."""

    def __init__(self) -> None:
        self.key = ""
        self._before = self._after = b""
        self._tries = 0

    def text_of(self, data: bytes) -> str:
        """The text of a message that repeats the one learned; "" if it does not."""
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

    @property
    def learns(self) -> bool:
        return self._tries < _MOST_TRIES

    def learn(self, data: bytes, key: str) -> None:
        """`key` names the one field of the message that holds something, "" if there are more."""
        self._tries += 1
        self.key = ""
        if key and data.count(b'"%b"' % key.encode()) == 1 and (found := _field(key).search(data)):
            self.key, self._before, self._after = key, data[: found.start(1)], data[found.end(1) :]


@cache
def _field(key: str) -> re.Pattern[bytes]:
    return re.compile(b'"%b": ?"(%b)"' % (re.escape(key.encode()), _TEXT))
