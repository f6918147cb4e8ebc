"""The load of the benchmark, as light as Python gets: raw sockets, responses made beforehand.

python scripts/bench_load.py PORT      is the upstream; the model names the response: chat-2000-10 is a Chat
                                       response of 2,000 deltas that are written 10 at a time, chat-300-50-paced one
                                       of 300 deltas, 50 a second, which say when they were written
"""

import asyncio
import functools
import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import batched
from typing import Any

_WORDS = ["The", " quick", " brown", " fox", " jumps", " over", " the", " lazy", " dog", ". "]
_MOMENT = "@now"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


@dataclass(frozen=True)
class Load:
    """How a response comes: `deltas` of them in each, `per_write` at a time, `at_once` responses side by side."""

    deltas: int
    at_once: int
    per_write: int

    def model(self, protocol: str) -> str:
        return f"{protocol}-{self.deltas}-{self.per_write}"


@dataclass(frozen=True)
class Sample:
    """`seconds` for all responses together, `firsts` until the first byte of each body."""

    deltas: int
    seconds: float
    firsts: list[float]


def chat_stream(words: Iterable[str]) -> Iterator[bytes]:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "bench"}

    def record(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return b"data: " + json.dumps(head | {"choices": [choice]} | more).encode() + b"\n\n"

    yield record({"role": "assistant", "content": ""})
    for word in words:
        yield record({"content": word})
    usage = {"prompt_tokens": 9000, "completion_tokens": 900, "total_tokens": 9900}
    yield record({}, "stop", usage=usage) + b"data: [DONE]\n\n"


def anthropic_stream(words: Iterable[str]) -> Iterator[bytes]:
    def record(kind: str, **fields: Any) -> bytes:
        return f"event: {kind}\ndata: {json.dumps({'type': kind} | fields)}\n\n".encode()

    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "bench", "content": []}
    usage = {"input_tokens": 9000, "output_tokens": 1}
    start = record("message_start", message=message | {"stop_reason": None, "stop_sequence": None, "usage": usage})
    yield start + record("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for word in words:
        yield record("content_block_delta", index=0, delta={"type": "text_delta", "text": word})
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    ended = record("message_delta", delta=stop, usage={"output_tokens": 900})
    yield record("content_block_stop", index=0) + ended + record("message_stop")


@dataclass(frozen=True)
class StreamFormat:
    """`response` makes a stream of words, whose last records hold `end`."""

    response: Callable[[Iterable[str]], Iterator[bytes]]
    end: bytes


STREAM_FORMATS = {
    "chat": StreamFormat(chat_stream, b'"stop"'),
    "anthropic": StreamFormat(anthropic_stream, b'"message_stop"'),
}
"""What the benchmark and the soak know of each protocol."""

PROTOCOLS = tuple(STREAM_FORMATS)
_MODEL = re.compile(rb'"model": ?"(%b)-(\d+)-(\d+)(-paced)?"' % "|".join(PROTOCOLS).encode())


@functools.cache
def _writes(protocol: bytes, deltas: int, per_write: int) -> list[bytes]:
    response = STREAM_FORMATS[protocol.decode()].response(_WORDS[i % len(_WORDS)] for i in range(deltas))
    return [_chunk(b"".join(records)) for records in batched(response, per_write, strict=False)]


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _flood(writer: asyncio.StreamWriter, protocol: bytes, deltas: int, per_write: int) -> None:
    for data in _writes(protocol, deltas, per_write):
        writer.write(data)
        await asyncio.sleep(0)  # the other responses take their turns


@functools.cache
def _moments(protocol: bytes, deltas: int) -> list[bytes]:
    return list(STREAM_FORMATS[protocol.decode()].response([_MOMENT] * deltas))


async def _drip(writer: asyncio.StreamWriter, protocol: bytes, deltas: int, rate: int) -> None:
    """Each word is the moment at which it is written."""
    start = time.monotonic()
    for number, record in enumerate(_moments(protocol, deltas)):
        await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))
        writer.write(_chunk(record.replace(_MOMENT.encode(), b"@%.6f" % time.monotonic())))


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length[1]) if length else 0)
            if (model := _MODEL.search(body)) is None:
                break
            writer.write(_HEAD)
            await (_drip if model[4] else _flood)(writer, model[1], int(model[2]), int(model[3]))
            writer.write(END)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # the client has left
    writer.close()


async def _upstream(port: int) -> None:
    async with await asyncio.start_server(_serve, "127.0.0.1", port, limit=1 << 24) as server:
        print("ready", flush=True)
        await server.serve_forever()


async def measure(port: int, request: bytes, load: Load, responses: int) -> Sample:
    """Requests `responses` responses, over as many kept connections as there are at once."""
    left = iter(range(responses))
    firsts: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        for _ in left:
            firsts.append((await exchange(reader, writer, request))[0])
        writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(load.at_once)))
    return Sample(responses * load.deltas, time.perf_counter() - start, firsts)


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[float, bytes]:
    """Seconds until the body's first byte, and the whole response.

    Raises:
        RuntimeError: another status than 200, or the connection ended before the response did.
    """
    start = time.perf_counter()
    writer.write(request)
    pieces = [await reader.readuntil(b"\r\n\r\n")]
    pieces.append(await reader.read(1 << 16))
    first = time.perf_counter() - start
    while not pieces[-1].endswith(END):
        pieces.append(await reader.read(1 << 16))
        if not pieces[-1]:
            break
    response = b"".join(pieces)
    if not (response.startswith(b"HTTP/1.1 200") and response.endswith(END)):
        raise RuntimeError(f"not a whole response: {response[:300]!r}")
    return first, response


if __name__ == "__main__":
    asyncio.run(_upstream(int(sys.argv[1])))
