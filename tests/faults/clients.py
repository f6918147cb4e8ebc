"""What a client can do wrong while it asks, and what it reads; `CLIENTS` has them by name."""

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.faults.upstream import reset

_MODEST = 4096


@dataclass(frozen=True)
class Answer:
    """What a client read: `complete` says that HTTP's own framing came to its end."""

    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool


class Asking:
    """A client's end of one connection to the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, model: str, *, stream: bool) -> None:
        self.reader, self.writer = reader, writer
        self.body = json.dumps({"model": model, "input": "hi", "stream": stream}).encode()

    def head(self, *headers: str, length: int | None = None) -> bytes:
        size = [] if length is None else [f"content-length: {length}"]
        lines = ["POST /v1/responses HTTP/1.1", "host: 127.0.0.1", "content-type: application/json", *size, *headers]
        return "\r\n".join([*lines, "", ""]).encode()

    @property
    def request(self) -> bytes:
        return self.head(length=len(self.body)) + self.body

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def read(self) -> Answer:
        """The next final answer, as far as it comes."""
        while True:
            try:
                head = await self.reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, OSError):
                return Answer(0, {}, b"", complete=False)
            first, *lines = head.decode().strip().split("\r\n")
            status = int(first.split()[1])
            if status >= 200:
                break
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = bytearray()
        try:
            await self._read_body(headers, body)
        except (asyncio.IncompleteReadError, OSError, ValueError):
            return Answer(status, headers, bytes(body), complete=False)
        return Answer(status, headers, bytes(body), complete=True)

    async def _read_body(self, headers: dict[str, str], body: bytearray) -> None:
        if headers.get("transfer-encoding") == "chunked":
            while size := int(await self.reader.readline(), 16):
                body += await self.reader.readexactly(size)
                await self.reader.readexactly(2)
            await self.reader.readuntil(b"\r\n")
        elif "content-length" in headers:
            body += await self.reader.readexactly(int(headers["content-length"]))
        else:
            body += await self.reader.read()


type Ask = Callable[[Asking], Awaitable[list[Answer] | None]]
"""The answers that were read to their ends; None if the client itself saw to it that there is none."""


async def plain(asking: Asking) -> list[Answer]:
    asking.send(asking.request)
    return [await asking.read()]


async def leaves_at_once(asking: Asking) -> None:
    asking.send(asking.request)
    await asyncio.sleep(0.02)


async def breaks_off_at_once(asking: Asking) -> None:
    asking.send(asking.request)
    await asyncio.sleep(0.02)
    reset(asking.writer)


async def leaves_while_it_reads(asking: Asking) -> None:
    asking.send(asking.request)
    await asking.reader.read(300)


async def breaks_off_while_it_reads(asking: Asking) -> None:
    asking.send(asking.request)
    await asking.reader.read(300)
    reset(asking.writer)


async def shuts_its_half(asking: Asking) -> None:
    """Which mitmproxy takes for a client that leaves: it may answer, or close."""
    asking.send(asking.request)
    asking.writer.write_eof()
    await asking.reader.read()


async def reads_slowly(asking: Asking) -> list[Answer]:
    asking.send(asking.request)
    await asyncio.sleep(0.3)
    return [await asking.read()]


async def asks_twice_at_once(asking: Asking) -> list[Answer]:
    asking.send(asking.request * 2)
    first = await asking.read()
    # What makes a connection useless is said in its last answer.
    return [first] if first.headers.get("connection") == "close" else [first, await asking.read()]


async def sends_slowly(asking: Asking) -> list[Answer]:
    for at in range(0, len(asking.request), 40):
        asking.send(asking.request[at : at + 40])
        await asyncio.sleep(0.005)
    return [await asking.read()]


async def sends_gzip(asking: Asking) -> list[Answer]:
    body = gzip.compress(asking.body)
    asking.send(asking.head("content-encoding: gzip", length=len(body)) + body)
    return [await asking.read()]


async def sends_chunks(asking: Asking) -> list[Answer]:
    asking.send(asking.head("transfer-encoding: chunked"))
    asking.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(asking.body), asking.body))
    return [await asking.read()]


async def sends_trailers(asking: Asking) -> list[Answer]:
    asking.send(asking.head("transfer-encoding: chunked", "trailer: x-sum"))
    asking.send(b"%x\r\n%b\r\n0\r\nx-sum: 7\r\n\r\n" % (len(asking.body), asking.body))
    return [await asking.read()]


async def expects_100(asking: Asking) -> list[Answer]:
    asking.send(asking.head("expect: 100-continue", length=len(asking.body)))
    await asyncio.sleep(0.05)
    asking.send(asking.body)
    return [await asking.read()]


async def stops_in_its_request(asking: Asking) -> None:
    asking.send(asking.head(length=len(asking.body)) + asking.body[:10])
    await asyncio.sleep(0.02)


CLIENTS: dict[str, Ask] = {
    ask.__name__.replace("_", "-"): ask
    for ask in (
        *(plain, leaves_at_once, breaks_off_at_once, leaves_while_it_reads, breaks_off_while_it_reads),
        *(shuts_its_half, reads_slowly, asks_twice_at_once, sends_slowly, sends_gzip, sends_chunks),
        *(sends_trailers, expects_100, stops_in_its_request),
    )
}
PLAIN = "plain"


async def ask(port: int, client: str, model: str, *, stream: bool) -> list[Answer] | None:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, limit=_MODEST if client == "reads-slowly" else 2**26
    )
    try:
        return await CLIENTS[client](Asking(reader, writer, model, stream=stream))
    except OSError:
        return [Answer(0, {}, b"", complete=False)]
    finally:
        writer.close()
