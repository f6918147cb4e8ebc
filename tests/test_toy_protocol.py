"""A new protocol is a folder and a row: with these alone it is routed, converted, shown, recorded and replayed."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mitmproxy import contentviews, flow

from addons.cases.case import Case
from addons.playback.library import CaseLibrary
from addons.recording import recorder
from converters.conversion import load
from converters.protocols import PROTOCOLS
from tests import referee, toy
from tests.addons.live_proxy import LiveProxy, live_proxy

ROUTES = """
[[routes]]
models = ["toy-*"]
providers = ["toys"]

[providers.toys]
protocol = "toy"
base_url = "http://127.0.0.1:{port}/rooms/any:talk"
key_env = ["TOYS_KEY"]
dialect = {{ polite = true }}
"""
QUESTION = json.dumps({"model": "toy-bear", "input": "Who are you?", "stream": True}).encode()
WORDS = b'data: {"word":"A "}\n\ndata: {"word":"bear."}\n\ndata: {"over":"and out"}\n\n'


@pytest.fixture(autouse=True)
def _row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROTOCOLS, "toy", toy.ROW)
    monkeypatch.setenv("TOYS_KEY", "key-of-the-toys")


@asynccontextmanager
async def toys(heads: list[bytes]) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(WORDS))
        writer.write(WORDS)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def asked(tmp_path: Path, heads: list[bytes]) -> tuple[bytes, LiveProxy]:
    """What the client reads, and the proxy with the flows of it."""
    routes = tmp_path / "routes.toml"
    async with toys(heads) as port:
        routes.write_text(ROUTES.format(port=port))
        async with live_proxy("http://127.0.0.1:9", routes) as proxy:
            return await proxy.send("POST", "/v1/responses", QUESTION, {"originator": "codex_exec"}), proxy


async def test_a_folder_and_a_row_are_all_that_a_protocol_needs(tmp_path: Path) -> None:
    heads: list[bytes] = []
    answer, proxy = await asked(tmp_path, heads)

    assert heads[0].startswith(b"POST /v1/rooms/toy-bear:talk HTTP/1.1\r\n")
    assert b"x-api-key: key-of-the-toys" in heads[0]
    assert b'"response.completed"' in answer
    assert b"A bear." in answer

    flows: list[flow.Flow] = list(proxy.flows)
    (exchanged,) = recorder.exchanges(flows, flows)
    assert isinstance(exchanged, recorder.RecordedExchange)
    request = contentviews.prettify_message(exchanged.attempt.request, exchanged.attempt).text
    assert "user" in request and "Who are you?" in request and "Thank you." in request
    response = contentviews.prettify_message(exchanged.attempt.response, exchanged.attempt).text
    assert "answer of toy · toy" in response and "A bear." in response and "ends: stop" in response

    folder = tmp_path / "flows" / recorder.protocol_of(exchanged) / "hello"
    recorder.case_of(exchanged, "A bear says who it is.").save(folder)
    case = Case.load(folder)
    assert folder.parent.name == "toy"
    assert case.renewed().differing(case) == []
    for cut in (1, 7, None):
        *_, last = referee.read(case.replay(cut))
        assert last["response"]["output"][0]["content"][0]["text"] == "A bear."
    assert CaseLibrary.of(tmp_path / "flows").find(load(QUESTION), compact=False).name == "toy/hello"
