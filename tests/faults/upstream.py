"""A provider that misbehaves: each request's model names the fault that it meets."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.faults.speech import PATHS, PROTOCOLS, Protocol, Speech, speech

SSE = "text/event-stream"
JSON = "application/json"


class Line:
    """The provider's end of one connection, once a request has come."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, protocol: Protocol, *, stream: bool
    ) -> None:
        self.protocol: Protocol = protocol
        self.speech: Speech = speech(protocol, stream=stream)
        self._stream = stream
        self._reader, self._writer = reader, writer

    def saying(self, text: str) -> Speech:
        return speech(self.protocol, stream=self._stream, text=text)

    @property
    def kind(self) -> str:
        return SSE if self.speech.is_stream else JSON

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

    async def answer(self, *pieces: bytes, status: str = "200 OK", **headers: str | None) -> None:
        """A whole chunked answer."""
        await self.head(status, **headers)
        await self.chunks(*pieces)
        await self.end()

    async def refuse(self, status: str, body: bytes, **headers: str | None) -> None:
        await self.head(status, **{"content_type": JSON, "content_length": str(len(body))} | headers)
        await self.send(body)

    async def rest(self, start: int = 0) -> None:
        """The good answer from one of its pieces on."""
        await self.chunks(*self.speech.pieces[start:], self.speech.last)
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


type Play = Callable[[Line], Awaitable[None]]


@dataclass
class Upstream:
    """`doors` are its ports: a good one for each protocol, and those that fail before anything is asked."""

    faults: dict[str, Play]
    doors: dict[str, int]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._request(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass  # the proxy left, or was made to
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Plays one fault; True if the connection may be used again: only a good answer ends as it should."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:"))
        body = json.loads(await reader.readexactly(length))
        protocol = next(one for one in PROTOCOLS if PATHS[one] in head.split("\r\n")[0])
        fault = body["model"].split(":")[1]
        line = Line(reader, writer, protocol, stream=body.get("stream") is True)
        await self.faults[fault](line)
        return fault == GOOD


GOOD = "good"
DOORS = ("refused", "accept-reset", "accept-close", "accept-silence")
"""Faults before anything is asked."""


@asynccontextmanager
async def running(faults: dict[str, Play]) -> AsyncIterator[Upstream]:
    upstream = Upstream(faults, {})

    async def at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reset(writer)

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1 << 16):
            pass
        writer.close()

    servers = {}
    for door, serve in {
        GOOD: upstream.serve,
        "accept-reset": at_once,
        "accept-close": close,
        "accept-silence": ignore,
    }.items():
        servers[door] = await asyncio.start_server(serve, "127.0.0.1", 0)
        upstream.doors[door] = servers[door].sockets[0].getsockname()[1]
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        upstream.doors["refused"] = taken.getsockname()[1]
        yield upstream
    for server in servers.values():
        server.close()
        server.close_clients()
