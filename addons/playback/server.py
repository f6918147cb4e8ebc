"""Plays recorded answers: an HTTP server on loopback that says what an upstream once said, and ends as that one ended.

    POST http://127.0.0.1:PORT/CASE/...     the answer of the case CASE, whatever was asked

A real connection, so that all between an upstream's bytes and the client's is what it is in earnest: pieces, breaks,
refusals, limits of time.
"""

import asyncio
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Literal
from urllib.parse import quote, unquote

from addons.case import Broken, Case
from addons.playback.library import Repertoire

_LARGEST_HEAD = 1 << 16


class Player:
    """`paced`: each piece comes when it came, else at once, a piece a write."""

    def __init__(self, repertoire: Repertoire, *, paced: bool = False) -> None:
        self.repertoire, self.paced = repertoire, paced
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_LARGEST_HEAD)

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    def base_url(self, name: str) -> str:
        """Where the answer of this case is. Its slash at the end: no version belongs behind it."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/{quote(name, safe='')}/"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (case := await self._asked(reader)) is not None and await self._play(case, reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass  # the proxy has left
        finally:
            writer.close()

    async def _asked(self, reader: asyncio.StreamReader) -> Case | None:
        """The case that a request names; None at the end of the connection, or if there is no such case."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *fields = head.split("\r\n")
        lengths = [field.partition(":")[2] for field in fields if field.lower().startswith("content-length:")]
        await reader.readexactly(int(lengths[0]) if lengths else 0)
        name = first.split(" ")[1].removeprefix("/").partition("/")[0]
        return self.repertoire.named(unquote(name))

    async def _play(self, case: Case, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """False where the upstream broke off."""
        notes = case.notes
        if notes.status is None:
            return await _break_off(notes.fault, reader)
        writer.write(_head(notes.status, notes.upstream_headers))
        await writer.drain()
        began = asyncio.get_running_loop().time()
        for milliseconds, piece in _timed(case):
            await self._wait(began, milliseconds)
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
        if notes.fault is not None:
            return await _break_off(notes.fault, reader)
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def _wait(self, began: float, milliseconds: int) -> None:
        # Without a pace, still a piece a read: what is written at once is read at once.
        left = began + milliseconds / 1000 - asyncio.get_running_loop().time() if self.paced else 0
        await asyncio.sleep(max(0, left))


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    fields = {name: value for name, value in headers.items() if name not in ("content-length", "transfer-encoding")}
    fields["transfer-encoding"] = "chunked"
    lines = [f"HTTP/1.1 {status} Recorded", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _timed(case: Case) -> Iterator[tuple[int, bytes]]:
    """The pieces of the answer, and when each came, in milliseconds from the attempt's start."""
    notes, start = case.notes, 0
    for size, milliseconds in zip_longest(notes.chunks or (len(case.answered),), notes.times, fillvalue=0):
        if piece := case.answered[start : start + size]:
            yield milliseconds, piece
        start += size


async def _break_off(fault: Broken | None, reader: asyncio.StreamReader) -> Literal[False]:
    """Leaves, or is silent until the proxy does."""
    if fault is not None and fault.kind == "timeout":
        await reader.read()
    return False
