"""Recorded responses on the wire."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from addons.cases.case import Case
from addons.playback.library import CaseLibrary, LibraryCase, fingerprint
from addons.playback.server import PlaybackServer
from converters import conversion
from tests.addons.example_cases import REFUSAL, RESPONSE_CHUNKS, case

NAME = "chat/hello"


@asynccontextmanager
async def playing(recording: Case, *, paced: bool = False) -> AsyncIterator[tuple[str, int]]:
    """The path and the port where this case is served."""
    playback_server = PlaybackServer(
        CaseLibrary([LibraryCase(NAME, recording, fingerprint(conversion.load(recording.client_request)))]), paced=paced
    )
    await playback_server.start()
    url = urlsplit(playback_server.base_url(NAME))
    assert url.port is not None
    yield f"{url.path}chat/completions", url.port
    playback_server.stop()


async def played(recording: Case, *, paced: bool = False, times: int = 1) -> bytes:
    """All that a connection returns for `times` requests."""
    async with playing(recording, paced=paced) as (path, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(times):
            writer.write(f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}".encode())
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
    return answer


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


async def test_an_answer_comes_in_its_recorded_pieces() -> None:
    head, _, body = (await played(case())).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"content-type: text/event-stream" in head
    assert body == chunked(*RESPONSE_CHUNKS) + b"0\r\n\r\n"


async def test_a_connection_may_ask_again() -> None:
    assert (await played(case(), times=3)).count(b"HTTP/1.1 200 ") == 3


async def test_a_refusal_is_one_again() -> None:
    answer = await played(case(pieces=(REFUSAL,), status=429))
    assert answer.startswith(b"HTTP/1.1 429 ")
    assert REFUSAL in answer


async def test_an_answer_that_broke_off_breaks_off_there() -> None:
    answer = await played(case(pieces=RESPONSE_CHUNKS[:2], broken="cut"))
    assert answer.endswith(chunked(*RESPONSE_CHUNKS[:2]))


async def test_an_upstream_that_never_answered_does_not() -> None:
    assert await played(case(pieces=(), status=None, broken="cut")) == b""


async def test_an_upstream_that_fell_silent_waits_until_the_proxy_leaves() -> None:
    silent = case(pieces=RESPONSE_CHUNKS[:1], broken="timeout")
    async with playing(silent) as (path, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"POST {path} HTTP/1.1\r\n\r\n".encode())
        await reader.readuntil(chunked(*RESPONSE_CHUNKS[:1]))
        assert not reader.at_eof()
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


async def test_at_its_pace_an_answer_waits_for_its_times(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    sleep = asyncio.sleep

    async def record(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", record)
    await played(case(times=(5_000, 60_000, 61_000)), paced=True)
    assert [4 < waits[0] <= 5, 59 < waits[1] <= 60, 60 < waits[2] <= 61] == [True] * 3


async def test_nobody_answers_for_a_case_that_is_not_there() -> None:
    async with playing(case()) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /chat%2Fother/ HTTP/1.1\r\n\r\n")
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
