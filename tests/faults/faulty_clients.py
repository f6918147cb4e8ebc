"""What a client can do wrong during an exchange, and what it reads; `CLIENTS` has them by name."""

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.faults.faulty_upstream import reset

_SMALL_BUFFER = 4096


@dataclass(frozen=True)
class ClientResponse:
    """What a client read: `complete` says that HTTP's own framing came to its end."""

    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool


class ClientConnection:
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

    async def read(self) -> ClientResponse:
        """The next final response, as far as it comes."""
        while True:
            try:
                head = await self.reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, OSError):
                return ClientResponse(0, {}, b"", complete=False)
            first, *lines = head.decode().strip().split("\r\n")
            status = int(first.split()[1])
            if status >= 200:
                break
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = bytearray()
        try:
            await self._read_body(headers, body)
        except (asyncio.IncompleteReadError, OSError, ValueError):
            return ClientResponse(status, headers, bytes(body), complete=False)
        return ClientResponse(status, headers, bytes(body), complete=True)

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


type ClientBehavior = Callable[[ClientConnection], Awaitable[list[ClientResponse] | None]]
"""The responses that were read to their ends; None where the client itself did not wait for any."""


async def plain(connection: ClientConnection) -> list[ClientResponse]:
    connection.send(connection.request)
    return [await connection.read()]


async def leaves_at_once(connection: ClientConnection) -> None:
    connection.send(connection.request)
    await asyncio.sleep(0.02)


async def breaks_off_at_once(connection: ClientConnection) -> None:
    connection.send(connection.request)
    await asyncio.sleep(0.02)
    reset(connection.writer)


async def leaves_while_it_reads(connection: ClientConnection) -> None:
    connection.send(connection.request)
    await connection.reader.read(300)


async def breaks_off_while_it_reads(connection: ClientConnection) -> None:
    connection.send(connection.request)
    await connection.reader.read(300)
    reset(connection.writer)


async def shuts_its_half(connection: ClientConnection) -> None:
    """Which mitmproxy takes for a client that disconnects: it may respond, or close."""
    connection.send(connection.request)
    connection.writer.write_eof()
    await connection.reader.read()


async def reads_slowly(connection: ClientConnection) -> list[ClientResponse]:
    connection.send(connection.request)
    await asyncio.sleep(0.3)
    return [await connection.read()]


async def asks_twice_at_once(connection: ClientConnection) -> list[ClientResponse]:
    connection.send(connection.request * 2)
    first = await connection.read()
    # The last response of a connection that cannot be used again says so.
    return [first] if first.headers.get("connection") == "close" else [first, await connection.read()]


async def sends_slowly(connection: ClientConnection) -> list[ClientResponse]:
    for at in range(0, len(connection.request), 40):
        connection.send(connection.request[at : at + 40])
        await asyncio.sleep(0.005)
    return [await connection.read()]


async def sends_gzip(connection: ClientConnection) -> list[ClientResponse]:
    body = gzip.compress(connection.body)
    connection.send(connection.head("content-encoding: gzip", length=len(body)) + body)
    return [await connection.read()]


async def sends_chunks(connection: ClientConnection) -> list[ClientResponse]:
    connection.send(connection.head("transfer-encoding: chunked"))
    connection.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(connection.body), connection.body))
    return [await connection.read()]


async def sends_trailers(connection: ClientConnection) -> list[ClientResponse]:
    connection.send(connection.head("transfer-encoding: chunked", "trailer: x-sum"))
    connection.send(b"%x\r\n%b\r\n0\r\nx-sum: 7\r\n\r\n" % (len(connection.body), connection.body))
    return [await connection.read()]


async def expects_100(connection: ClientConnection) -> list[ClientResponse]:
    connection.send(connection.head("expect: 100-continue", length=len(connection.body)))
    await asyncio.sleep(0.05)
    connection.send(connection.body)
    return [await connection.read()]


async def stops_in_its_request(connection: ClientConnection) -> None:
    connection.send(connection.head(length=len(connection.body)) + connection.body[:10])
    await asyncio.sleep(0.02)


CLIENTS: dict[str, ClientBehavior] = {
    run_client.__name__.replace("_", "-"): run_client
    for run_client in (
        *(plain, leaves_at_once, breaks_off_at_once, leaves_while_it_reads, breaks_off_while_it_reads),
        *(shuts_its_half, reads_slowly, asks_twice_at_once, sends_slowly, sends_gzip, sends_chunks),
        *(sends_trailers, expects_100, stops_in_its_request),
    )
}
PLAIN = "plain"


async def run_client(port: int, client: str, model: str, *, stream: bool) -> list[ClientResponse] | None:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, limit=_SMALL_BUFFER if client == "reads-slowly" else 2**26
    )
    try:
        return await CLIENTS[client](ClientConnection(reader, writer, model, stream=stream))
    except OSError:
        return [ClientResponse(0, {}, b"", complete=False)]
    finally:
        writer.close()
