"""All upstreams of a soak at one port. A number in each request tells which exchange it is of, and what is to fail."""

import asyncio
import re
import socket
import struct
import time
from collections import Counter
from dataclasses import dataclass, field

from scripts import soak_responses
from scripts.soak_responses import BEFORE, END, HANG, RESET, STREAM, WITHIN, chunk
from scripts.soak_routes import BUDGETS, REFUSED_KEYS, REFUSING_USAGE, SILENT_AFTER, is_refused, protocol_of

_REQUEST_LINE = re.compile(rb"POST /([a-z-]+)/")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_KEY = re.compile(rb"(?:authorization: *bearer|x-api-key:) *(\S+)", re.IGNORECASE)
TAG = "soak exchange "
_TAGGED = re.compile(TAG.encode() + rb"(\d+)")

_HANG_SECONDS = 60.0
_LATE = 2.0
"""Seconds in which the upstreams may learn that a client left, or that an attempt is over."""

_REFUSED_USAGE = soak_responses.refusal(
    400, "Unsupported parameter: 'stream_options'", "invalid_request_error", param="stream_options"
)
_REFUSALS = {
    401: soak_responses.refusal(401, "invalid key", "authentication_error"),
    402: soak_responses.refusal(402, "no credit is left", "billing_error"),
}


@dataclass(eq=False)
class SeenAttempt:
    """A request as its upstream saw it."""

    provider: str
    key: str
    began: float
    reader: asyncio.StreamReader | None = field(default=None, repr=False)
    is_over: bool = False
    words: list[str] = field(default_factory=list, repr=False)
    """The text that it sends."""

    call_id: str | None = None
    was_late: bool = False
    """This machine was too busy for the pace that was meant."""

    @property
    def is_open(self) -> bool:
        is_gone = self.reader is not None and (self.reader.at_eof() or self.reader.exception() is not None)
        return not (self.is_over or is_gone)


@dataclass(eq=False)
class Exchange:
    """What is to come of one exchange, and what came. Times are those of the event loop's clock."""

    number: int
    route: str
    kind: str = "good"
    depth: int = 0
    """How many attempts fail so."""

    deltas: int = 10
    has_call: bool = False
    fails_in_call: bool = False
    """The fault comes within the call, else within the text."""

    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    left: float | None = None
    """When the client left."""

    outcome: str = ""
    problem: str = ""
    attempts: list[SeenAttempt] = field(default_factory=list)
    faults: int = 0

    @property
    def was_late(self) -> bool:
        """So that the proxy may have taken an upstream for a silent one."""
        return any(seen.was_late for seen in self.attempts)


class Upstreams:
    def __init__(self, rate: float) -> None:
        """`rate`: deltas a second."""
        self.exchanges: dict[int, Exchange] = {}
        self.problems: Counter[str] = Counter()
        self.open: set[SeenAttempt] = set()
        self.requests = 0
        self.refused_keys: list[tuple[float, bool]] = []
        """When a key was refused, and whether that was an exchange's first attempt."""

        self.refused_usage: list[float] = []
        self._pause = 1 / rate

    def open_at(self, provider: str, *, older_than: float = 0.0) -> int:
        before = time.monotonic() - older_than
        return sum(seen.provider == provider and seen.is_open and seen.began <= before for seen in self.open)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._respond(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the proxy has left
        finally:
            writer.close()

    async def _respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection is good for another request."""
        head = await reader.readuntil(b"\r\n\r\n")
        length, path, key = _LENGTH.search(head), _REQUEST_LINE.match(head), _KEY.search(head)
        body = await reader.readexactly(int(length[1]) if length else 0)
        tag = _TAGGED.search(body)
        assert tag and path and key, head
        exchange = self.exchanges[int(tag[1])]
        seen = SeenAttempt(path[1].decode(), key[1].decode(), time.monotonic(), reader)
        self.note(exchange, seen)
        self.open.add(seen)
        try:
            return await self._send(exchange, seen, body, writer)
        finally:
            seen.is_over = True
            self.open.discard(seen)

    def note(self, exchange: Exchange, seen: SeenAttempt) -> None:
        self.requests += 1
        for earlier in exchange.attempts:
            if earlier.is_open:  # its end may be on its way
                asyncio.get_running_loop().call_later(_LATE, self.note_second, earlier, seen)
        if any(earlier.words for earlier in exchange.attempts):
            self.problems[f"{exchange.kind}: asked again after content"] += 1
        exchange.attempts.append(seen)
        if len(exchange.attempts) > BUDGETS[exchange.route]:
            self.problems["more attempts than the budget"] += 1
        if exchange.ended is not None and seen.began > exchange.ended + _LATE:
            self.problems["asked after the exchange's end"] += 1
        if exchange.left is not None and seen.began > exchange.left + _LATE:
            self.problems["asked after the client left"] += 1

    def note_second(self, earlier: SeenAttempt, later: SeenAttempt) -> None:
        if earlier.is_open:
            self.problems[f"two attempts of one exchange at once: {earlier.provider}, {later.provider}"] += 1

    async def _send(self, exchange: Exchange, seen: SeenAttempt, body: bytes, writer: asyncio.StreamWriter) -> bool:
        if is_refused(seen.provider, seen.key):
            self.refused_keys.append((seen.began, len(exchange.attempts) == 1))
            return await self._send_pieces([_REFUSALS[REFUSED_KEYS[seen.provider]]], seen, writer)
        if seen.provider == REFUSING_USAGE and b'"stream_options"' in body:
            self.refused_usage.append(seen.began)
            return await self._send_pieces([_REFUSED_USAGE], seen, writer)
        is_faulty, exchange.faults = exchange.faults < exchange.depth, exchange.faults + 1
        if is_faulty and exchange.kind in BEFORE:
            fault = soak_responses.pieces(exchange.kind, protocol_of(seen.provider))
            return await self._send_pieces(fault, seen, writer)
        return await self._send_stream(exchange, seen, writer)

    async def _send_pieces(self, pieces: list[bytes], seen: SeenAttempt, writer: asyncio.StreamWriter) -> bool:
        """A fault; what the proxy reads of it last ends the attempt."""
        for number, piece in enumerate(pieces):
            if piece is HANG:
                return await self._hang(seen)
            seen.is_over = number == len(pieces) - 1
            if piece is RESET:
                _reset(writer)
                return False
            writer.write(piece)
            await writer.drain()
        return pieces[-1].startswith(b"HTTP/1.1 ") and b"\r\n\r\n" in pieces[-1]

    async def _hang(self, seen: SeenAttempt) -> bool:
        while seen.is_open and time.monotonic() < seen.began + _HANG_SECONDS:
            await asyncio.sleep(self._pause)
        return False

    async def _send_stream(self, exchange: Exchange, seen: SeenAttempt, writer: asyncio.StreamWriter) -> bool:
        name = f"{exchange.number}.{len(exchange.attempts)}"
        seen.words = [f"{name}.{number} " for number in range(exchange.deltas)]
        seen.call_id = f"call_{name.replace('.', '_')}" if exchange.has_call else None
        records = soak_responses.response(protocol_of(seen.provider), seen.words, seen.call_id)
        fails_at = len(records) - 2 if exchange.has_call and exchange.fails_in_call else exchange.deltas // 2
        writer.write(STREAM)
        for number, record in enumerate(records):
            if exchange.kind in WITHIN and number == fails_at:
                good = await self._send_pieces(list(WITHIN[exchange.kind]), seen, writer)
                if exchange.kind not in soak_responses.IN_SPITE:
                    return good
                seen.is_over = False
            writer.write(chunk(record))
            await writer.drain()
            written = time.monotonic()
            await asyncio.sleep(self._pause)
            seen.was_late |= time.monotonic() - written > SILENT_AFTER / 2
            if not seen.is_open:
                return False
        seen.is_over = True
        writer.write(END)
        return True


def _reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
