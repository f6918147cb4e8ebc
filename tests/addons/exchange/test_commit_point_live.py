"""Real sockets: what fails before content is tried again, and an addon of a user's own gets the outcomes."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mitmproxy.addons.script import load_script

from addons.exchange.addon import Exchanges
from tests.addons.live_proxy import HELLO, live_proxy
from tests.addons.once_more import OnceMore
from tests.addons.proxy_under_test import HttpMessage, request_body

ONE_LINE = Path(__file__).parents[2] / "data" / "one_line.py"
ROLE = b'data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def whole(data: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(data), data)


class Scripted:
    """An upstream that answers each request with the next bytes, and closes."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        yield server.sockets[0].getsockname()[1]
        server.close()
        server.close_clients()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = HttpMessage(await reader.readuntil(b"\r\n\r\n"))
        await reader.readexactly(int(head.headers["content-length"]))
        writer.write(self.answers.pop(0))
        await writer.drain()
        writer.close()


@asynccontextmanager
async def exchange_with(tmp_path: Path, *answers: bytes) -> AsyncIterator[tuple[HttpMessage, list[str]]]:
    """What a client reads of a proxy whose upstream answers so, and what came of each attempt."""
    upstream, routes = Scripted(*answers), tmp_path / "routes.toml"
    async with upstream.serving() as port:
        routes.write_text(
            '[[routes]]\nmodels = ["m-*"]\nproviders = ["acme"]\n\n'
            f'[providers.acme]\nprotocol = "chat"\nbase_url = "http://127.0.0.1:{port}/v1"\nauth = "none"\n'
        )
        async with live_proxy("http://127.0.0.1:9", routes) as proxy:
            exchanges = proxy.master.addons.get("exchanges")
            assert isinstance(exchanges, Exchanges)
            exchanges._policy = OnceMore()
            script = load_script(str(ONE_LINE))
            assert script is not None
            proxy.master.addons.add(*script.addons)  # type: ignore[no-untyped-call]
            response = await proxy.send("POST", "/v1/responses", request_body(), {})
            yield HttpMessage(response), [str(flow.metadata.get("transcodex.outcome")) for flow in proxy.flows[1:]]


@pytest.mark.parametrize(
    "failing",
    [
        whole(b'data: {"error":{"message":"busy","code":503}}\n\n'),
        CHUNKED + chunk(ROLE),
        whole(b""),
        whole(b"<html><title>Bad gateway</title></html>"),
    ],
    ids=["error event first", "drop after the start", "empty", "page"],
)
async def test_what_fails_before_content_is_tried_again(
    failing: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with exchange_with(tmp_path, failing, whole(HELLO)) as (response, outcomes):
        assert response.status == 200
        assert response.body.count(b"event: response.created") == response.body.count(b"event: response.completed") == 1
        assert b"Hello" in response.body and b"response.failed" not in response.body
        assert outcomes == ["failed", "answered"]
        (line,) = capsys.readouterr().out.splitlines()
        assert re.fullmatch(r"m-1 -> acme: answered in \d+\.\d s, 0 tokens", line)


async def test_after_content_it_is_an_end_of_the_stream(tmp_path: Path) -> None:
    words = b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'
    async with exchange_with(tmp_path, CHUNKED + chunk(words)) as (response, outcomes):
        assert (response.status, response.body.count(b"event: response.failed")) == (200, 1)
        assert outcomes == ["failed"]
