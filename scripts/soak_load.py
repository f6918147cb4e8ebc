"""The two ends of a soak: an upstream with paced, sometimes faulty responses, and clients that sometimes leave."""

import asyncio
import json
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import bench_load
from bench_load import PROTOCOLS

SILENT_AFTER = 3.0
"""Seconds that the routes grant an upstream between two bytes; a stalled one is silent for longer."""

_MODEL = re.compile(rb'"model": ?"(%b)-([a-z_]+)-(\d+)"' % "|".join(PROTOCOLS).encode())
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_TERMINAL = re.compile(rb'^data: \{"type": ?"response\.(completed|incomplete|failed)"', re.MULTILINE)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def refusal(status: int, body: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 %d X" % status, b"content-type: application/json", b"content-length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, b"", body])


_OVERLOADED = json.dumps({"error": {"message": "overloaded", "type": "server_error"}}).encode()
_SLOW_DOWN = json.dumps({"error": {"message": "slow down", "type": "rate_limit_error"}}).encode()
_PAGE = b"<html><title>502</title><body>Bad gateway</body></html>"
_ERROR_EVENT = b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}\n\n'

INSTEAD: dict[str, bytes] = {
    "rate_limited": refusal(429, _SLOW_DOWN, b"retry-after: 1"),
    "overloaded": refusal(503, _OVERLOADED),
    "page": refusal(200, _PAGE),
    "nothing": refusal(200, b""),
    "closed": b"",
    "error_first": _STREAM + chunk(_ERROR_EVENT) + b"0\r\n\r\n",
    "half_head": b"HTTP/1.1 200 OK\r\ncontent-ty",
}
"""Faults in place of a response."""

WITHIN: dict[str, bytes | None] = {
    "dropped": b"",
    "cut": b"0\r\n\r\n",
    "garbage": chunk(b"data: {not json}\n\n"),
    "error_event": chunk(_ERROR_EVENT) + b"0\r\n\r\n",
    "bad_chunk": b"zz\r\n",
    "stalled": None,
}
"""Faults in the middle of a response: what comes then, None for silence. `garbage` alone is no end."""

LEAVES = "client_leaves"
FAULTS = (*INSTEAD, *WITHIN, LEAVES)


type Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def paced(rate: float) -> Serve:
    """An upstream that writes `rate` deltas a second; the model's name says which response: chat-dropped-50."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await _respond(reader, writer, 1 / rate):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the proxy has left
        finally:
            writer.close()

    return serve


async def _respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pause: float) -> bool:
    """Whether the connection is good for another request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    body = await reader.readexactly(int(length[1]) if length else 0)
    model = _MODEL.search(body)
    assert model is not None
    protocol, kind, deltas = model[1].decode(), model[2].decode(), int(model[3])
    if kind in INSTEAD:
        writer.write(INSTEAD[kind])
        await writer.drain()
        return INSTEAD[kind].startswith(b"HTTP/1.1 ") and kind != "half_head"
    words = ["word "] * deltas
    records = bench_load.STREAM_FORMATS[protocol].response(words)
    writer.write(_STREAM)
    for number, record in enumerate(records):
        if kind in WITHIN and number == deltas // 2:
            if (data := WITHIN[kind]) is None:
                await asyncio.sleep(SILENT_AFTER * 3)
                return False
            writer.write(data)
            if kind != "garbage":
                await writer.drain()
                return False
        writer.write(chunk(record))
        await writer.drain()
        await asyncio.sleep(pause)
    writer.write(b"0\r\n\r\n")
    return True


@dataclass(frozen=True)
class ExchangeResult:
    """How one exchange ended for its client, in a word."""

    kind: str
    outcome: str
    is_expected: bool


async def exchange(
    port: int, template: bytes, protocol: str, kind: str, deltas: int, patience: float
) -> ExchangeResult:
    """One request over a connection of its own. `template` is a request body with the model MODEL."""
    name = f"{protocol}-{'good' if kind == LEAVES else kind}-{deltas}"
    body = template.replace(b'"MODEL"', json.dumps(name).encode())
    head = f"POST /v1/responses HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
    head += f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    try:
        writer.write(head.encode() + body)
        async with asyncio.timeout(patience):
            if kind == LEAVES:
                await reader.read(random.randrange(1, 20_000))
                return ExchangeResult(kind, "left", True)
            return result_of(kind, await reader.read(-1))
    except TimeoutError:
        return ExchangeResult(kind, "no end", False)
    except ConnectionError as error:
        return ExchangeResult(kind, type(error).__name__, False)
    finally:
        writer.close()


def result_of(kind: str, response: bytes) -> ExchangeResult:
    """Exactly one end: a terminal event, or an error in OpenAI's form."""
    head, _, body = response.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1].decode() if head.startswith(b"HTTP/") else "no head"
    ends = [found.decode() for found in _TERMINAL.findall(body)]
    if status == "200":
        is_whole = response.endswith(b"0\r\n\r\n") and len(ends) == 1
        is_expected = is_whole and ends == (["completed"] if kind in ("good", "garbage") else ["failed"])
        # A garbled record in an otherwise whole response may be skipped or reported.
        return ExchangeResult(
            kind, " ".join(ends) or "no terminal event", is_expected or (is_whole and kind == "garbage")
        )
    return ExchangeResult(kind, status, b'"error"' in body and not ends and kind != "good")
