"""A provider with faults: the model of each request names the fault."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.faults.good_response import PATHS, PROTOCOLS, GoodResponse, Protocol, good_response

SSE = "text/event-stream"
JSON = "application/json"


class Connection:
    """The provider's end of one connection, once a request has come."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, protocol: Protocol, *, stream: bool
    ) -> None:
        self.protocol: Protocol = protocol
        self.good_response: GoodResponse = good_response(protocol, stream=stream)
        self._stream = stream
        self._reader, self._writer = reader, writer

    def response_with_text(self, text: str) -> GoodResponse:
        return good_response(self.protocol, stream=self._stream, text=text)

    @property
    def kind(self) -> str:
        return SSE if self.good_response.is_stream else JSON

    async def send(self, *data: bytes) -> None:
        """Raw bytes, each piece in a write of its own."""
        for piece in data:
            self._writer.write(piece)
            await self._writer.drain()

    async def head(self, status: str = "200 OK", **headers: str | None) -> None:
        """A head; None leaves a header out. The body is chunked unless it has a length."""
        given = {"content_type": self.kind, "transfer_encoding": "chunked"} | headers
        if headers.get("content_length"):
            given["transfer_encoding"] = headers.get("transfer_encoding")
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in given.items() if value is not None]
        await self.send("\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode())

    async def chunks(self, *pieces: bytes) -> None:
        await self.send(*(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece))

    async def end(self) -> None:
        await self.send(b"0\r\n\r\n")

    async def respond(self, *pieces: bytes, status: str = "200 OK", **headers: str | None) -> None:
        """A whole chunked response."""
        await self.head(status, **headers)
        await self.chunks(*pieces)
        await self.end()

    async def refuse(self, status: str, body: bytes, **headers: str | None) -> None:
        await self.head(status, **{"content_type": JSON, "content_length": str(len(body))} | headers)
        await self.send(body)

    async def rest(self, start: int = 0) -> None:
        """The good response from this piece on."""
        await self.chunks(*self.good_response.pieces[start:], self.good_response.last)
        await self.end()

    async def silence(self) -> None:
        """Until the other side leaves."""
        while await self._reader.read(1 << 16):
            pass

    def reset(self) -> None:
        reset(self._writer)


def reset(writer: asyncio.StreamWriter) -> None:
    """The connection breaks with a RST as it is closed."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


type Fault = Callable[[Connection], Awaitable[None]]


@dataclass
class FaultyUpstream:
    """`ports`: that of the server with the faults, and those that fail before a request is read."""

    faults: dict[str, Fault]
    ports: dict[str, int]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._request(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass  # the proxy left, or was made to
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Responds with one fault; True if the connection may be used again: only a good response ends as it should."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:"))
        body = json.loads(await reader.readexactly(length))
        protocol = next(name for name in PROTOCOLS if PATHS[name] in head.split("\r\n")[0])
        fault = body["model"].split(":")[1]
        connection = Connection(reader, writer, protocol, stream=body.get("stream") is True)
        await self.faults[fault](connection)
        return fault == GOOD


GOOD = "good"
CONNECTION_FAULTS = ("refused", "accept-reset", "accept-close", "accept-silence")
"""Faults before a request is read."""


@asynccontextmanager
async def running(faults: dict[str, Fault]) -> AsyncIterator[FaultyUpstream]:
    upstream = FaultyUpstream(faults, {})

    async def reset_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reset(writer)

    async def close_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1 << 16):
            pass
        writer.close()

    servers = {}
    for port_name, serve in {
        GOOD: upstream.serve,
        "accept-reset": reset_at_once,
        "accept-close": close_at_once,
        "accept-silence": ignore,
    }.items():
        servers[port_name] = await asyncio.start_server(serve, "127.0.0.1", 0)
        upstream.ports[port_name] = servers[port_name].sockets[0].getsockname()[1]
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        upstream.ports["refused"] = taken.getsockname()[1]
        yield upstream
    for server in servers.values():
        server.close()
        server.close_clients()
