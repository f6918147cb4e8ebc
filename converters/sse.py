"""Bytes <-> server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

import functools
import math
from dataclasses import dataclass

from converters import jsontext
from converters.jsontext import Json


@dataclass(slots=True)
class Message:
    """One record of a stream: `event` is "" where no such line came, `data` the data lines joined by newlines.

    A record with an empty `data:` line is a message too (some upstreams keep a connection alive so).
    """

    event: str
    data: bytes


_BOM = b"\xef\xbb\xbf"


class Splitter:
    """Cuts a stream into records, wherever the network cuts its bytes.

    Lines end in LF, CRLF or CR, and then in LF. `limit` is in bytes, of one record: a longer one, and all that follows
    it, is left out, and `too_long` is set.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.too_long = False
        self._limit = math.inf if limit is None else limit
        self._size = 0  # of the pieces
        # Joined only once the end of a record shows: joining on every chunk is quadratic for a record of megabytes.
        self._pieces: list[bytes] = []
        self._newline_last = False
        self._cr_last = False
        self._first = True

    def split(self, data: bytes) -> list[bytes]:
        """The records that are complete now, without the blank line behind each."""
        if self._cr_last or b"\r" in data:
            data = self._with_plain_newlines(data)
        if not data or self.too_long:
            return []
        ends_here = b"\n\n" in data or (self._newline_last and data.startswith(b"\n"))
        self._newline_last = data.endswith(b"\n")
        self._pieces.append(data)
        self._size += len(data)
        blocks = self._complete() if ends_here else []
        if self._size > self._limit + 1:  # the blank line may be half here
            self.too_long = True
        if self.too_long:
            self._pieces = []
        if self._first and blocks:
            self._first = False
            blocks[0] = blocks[0].removeprefix(_BOM)
        return blocks

    def rest(self) -> bytes:
        """What came behind the last record; to be called once, at the end."""
        block = b"".join(self._pieces)
        self._pieces, self._size = [], 0
        self.too_long = self.too_long or len(block) > self._limit
        return b"" if self.too_long else block.removeprefix(_BOM) if self._first else block

    def _complete(self) -> list[bytes]:
        """The records that are complete, up to one that is too long."""
        may_be_too_long = self._size > self._limit
        blocks = b"".join(self._pieces).split(b"\n\n")
        rest = blocks.pop()
        self._pieces, self._size = [rest] if rest else [], len(rest)
        if may_be_too_long and (long := [n for n, block in enumerate(blocks) if len(block) > self._limit]):
            self.too_long = True
            return blocks[: long[0]]
        return blocks

    def _with_plain_newlines(self, data: bytes) -> bytes:
        """`data` with LF alone; a CR ends its line at once, and an LF that opens the next chunk then belongs to it."""
        if not data:
            return data
        if self._cr_last and data.startswith(b"\n"):
            data = data[1:]
        self._cr_last = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


class Parser(Splitter):
    """Cuts a stream into messages. Comments, ids and retries are left out, and so are records without a data line."""

    def feed(self, data: bytes) -> list[Message]:
        blocks = self.split(data)
        return messages(blocks) if blocks else []

    def close(self) -> list[Message]:
        """The last message, if its blank line never came."""
        rest = self.rest()
        return messages([rest]) if rest else []


def messages(blocks: list[bytes]) -> list[Message]:
    """The messages in these records."""
    found: list[Message] = []
    for block in blocks:
        # The two forms that nearly every record has, without a look at each line.
        if block.startswith(b"data: ") and b"\n" not in block:
            found.append(Message("", block[6:]))
            continue
        lines = block.split(b"\n")
        if len(lines) == 2 and lines[0].startswith(b"event: ") and lines[1].startswith(b"data: "):
            found.append(Message(lines[0][7:].decode("utf-8", "replace"), lines[1][6:]))
        elif message := _message(lines):
            found.append(message)
    return found


def _message(lines: list[bytes]) -> Message | None:
    """The message in the lines before a blank one."""
    event = b""
    data: list[bytes] = []
    for line in lines:
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            event = value.removeprefix(b" ")
    return Message(event.decode("utf-8", "replace"), b"\n".join(data)) if data else None


def is_document(beginning: bytes) -> bool:
    """Whether a body that begins so is an error page or JSON: no line of a stream does."""
    return beginning[:1] in (b"{", b"[", b"<")


def encode(event: Json) -> bytes:
    """A Responses event as its record; the type stands on the event line too, as OpenAI sends it."""
    return _head(event["type"]) + jsontext.dumps(event) + b"\n\n"


@functools.cache
def _head(kind: str) -> bytes:
    return b"event: %b\ndata: " % kind.encode()
