"""An HTTP server on loopback that responds as recorded upstreams did, and ends as they ended.

    POST http://127.0.0.1:PORT/CASE/...     the response of the case CASE, whatever the request's body is

It is a real connection, so that the proxy meets what it would meet otherwise: chunks, drops, refusals and timeouts.
"""

import asyncio
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Literal
from urllib.parse import quote, unquote

from addons.cases.case import Case
from addons.cases.case_metadata import UpstreamFault
from addons.playback.library import CaseLibrary

_LARGEST_HEAD_BYTES = 1 << 16


class PlaybackServer:
    """`paced`: each chunk is sent at its recorded time; else all are sent at once, with a write for each."""

    def __init__(self, library: CaseLibrary, *, paced: bool = False) -> None:
        self.library, self.paced = library, paced
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_LARGEST_HEAD_BYTES)

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    def base_url(self, name: str) -> str:
        """Where the case is served. The slash at the end says that no API version is to be added."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/{quote(name, safe='')}/"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (case := await self._requested_case(reader)) is not None and await self._play(case, reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass  # the proxy has left
        finally:
            writer.close()

    async def _requested_case(self, reader: asyncio.StreamReader) -> Case | None:
        """The case that the next request names; None if there is no such case."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request_line, *headers = head.split("\r\n")
        lengths = [header.partition(":")[2] for header in headers if header.lower().startswith("content-length:")]
        await reader.readexactly(int(lengths[0]) if lengths else 0)
        name = request_line.split(" ")[1].removeprefix("/").partition("/")[0]
        return self.library.named(unquote(name))

    async def _play(self, case: Case, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on; not where the upstream dropped it."""
        metadata = case.metadata
        if metadata.status is None:
            return await _drop(metadata.fault, reader)
        writer.write(_head(metadata.status, metadata.upstream_headers))
        await writer.drain()
        start = asyncio.get_running_loop().time()
        for milliseconds, chunk in _timed_chunks(case):
            await self._wait(start, milliseconds)
            writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            await writer.drain()
        if metadata.fault is not None:
            return await _drop(metadata.fault, reader)
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def _wait(self, start: float, milliseconds: int) -> None:
        # Also without a pace, so that the proxy gets to read each chunk by itself.
        seconds = start + milliseconds / 1000 - asyncio.get_running_loop().time() if self.paced else 0
        await asyncio.sleep(max(0, seconds))


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    fields = {name: value for name, value in headers.items() if name not in ("content-length", "transfer-encoding")}
    fields["transfer-encoding"] = "chunked"
    lines = [f"HTTP/1.1 {status} Recorded", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _timed_chunks(case: Case) -> Iterator[tuple[int, bytes]]:
    """The response's chunks, and when each came, in milliseconds from the attempt's start."""
    metadata, start = case.metadata, 0
    for size, milliseconds in zip_longest(metadata.chunks or (len(case.upstream_body),), metadata.times, fillvalue=0):
        if chunk := case.upstream_body[start : start + size]:
            yield milliseconds, chunk
        start += size


async def _drop(fault: UpstreamFault | None, reader: asyncio.StreamReader) -> Literal[False]:
    """Ends the connection; after a recorded timeout, only once the proxy has ended it."""
    if fault is not None and fault.kind == "timeout":
        await reader.read()
    return False
