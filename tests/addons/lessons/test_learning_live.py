"""Real sockets: an upstream that refuses one field after the other is served, and from then on at once."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.addons.live_proxy import HELLO, LiveProxy, live_proxy
from tests.addons.proxy_under_test import HttpMessage, request_body

type Refuses = Callable[[dict[str, Any]], str]
"""An upstream's complaint of a request; empty where it answers."""

_TOOL = {"type": "function", "name": "run", "parameters": {"type": "object", "properties": {}}}
BODY = request_body(
    input=[{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
    reasoning={"effort": "xhigh"},
    tools=[_TOOL],
    parallel_tool_calls=True,
    temperature=0.5,
)


class Strict:
    """An upstream that answers what its rules let pass."""

    def __init__(self, refuses: Refuses, answer: bytes = HELLO) -> None:
        self.requests: list[dict[str, Any]] = []
        self._refuses, self._answer = refuses, answer

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        yield server.sockets[0].getsockname()[1]
        server.close()
        server.close_clients()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = HttpMessage(await reader.readuntil(b"\r\n\r\n"))
        body = json.loads(await reader.readexactly(int(head.headers["content-length"])))
        self.requests.append(body)
        status, answer = 200, self._answer
        if complaint := self._refuses(body):
            status, answer = 400, json.dumps({"error": {"message": complaint}}).encode()
        writer.write(b"HTTP/1.1 %d Said\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % (status, len(answer)))
        writer.write(answer)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def proxy_before(
    upstream: Strict, tmp_path: Path, protocol: str = "chat", more: str = ""
) -> AsyncIterator[LiveProxy]:
    """`more` are further lines of the provider."""
    routes = tmp_path / "routes.toml"
    async with upstream.serving() as port:
        routes.write_text(
            '[[routes]]\nmodels = ["m-*"]\nproviders = ["acme"]\n\n'
            f'[providers.acme]\nprotocol = "{protocol}"\nbase_url = "http://127.0.0.1:{port}/v1"\nauth = "none"\n{more}'
        )
        async with live_proxy("http://127.0.0.1:9", routes) as proxy:
            yield proxy


async def asked(proxy: LiveProxy, body: bytes = BODY) -> HttpMessage:
    return HttpMessage(await proxy.send("POST", "/v1/responses", body, {}))


def one_after_the_other(body: dict[str, Any]) -> str:
    if body.get("reasoning_effort") not in (None, "low", "medium"):
        return "Invalid value for reasoning_effort. Supported values are: 'low' and 'medium'."
    if "reasoning_effort" in body:
        return "Unrecognized request argument supplied: reasoning_effort"
    refused = [name for name in ("parallel_tool_calls", "stream_options", "temperature") if name in body]
    return f"Unsupported parameter: '{refused[0]}' is not supported with this model." if refused else ""


async def test_an_upstream_is_learned_in_one_exchange_and_known_in_the_next(tmp_path: Path) -> None:
    upstream = Strict(one_after_the_other)
    async with proxy_before(upstream, tmp_path) as proxy:
        first = await asked(proxy)
        assert first.status == 200 and b"Hello" in first.body
        assert len(upstream.requests) == 6
        assert upstream.requests[0]["reasoning_effort"] == "high"
        second = await asked(proxy)
        assert second.status == 200 and b"Hello" in second.body
        assert len(upstream.requests) == 7
        assert sorted(upstream.requests[-1]) == ["messages", "model", "stream", "tools"]
        shown = proxy.command("lessons.show")
        assert [line.split(" = ")[0] for line in shown] == [
            *("acme m-1: drop", "acme m-1: effort", "acme m-1: efforts"),
            *("acme m-1: parallel_tool_calls", "acme m-1: stream_usage"),
        ]
        assert proxy.command("lessons.clear", "acme") == ["5 lessons forgotten"]
        await asked(proxy)
        assert upstream.requests[7]["reasoning_effort"] == "high"


async def test_what_is_refused_whatever_is_sent_is_told_to_the_client(tmp_path: Path) -> None:
    upstream = Strict(lambda body: "Unsupported parameter: 'temperature' is not supported with this model.")
    async with proxy_before(upstream, tmp_path) as proxy:
        response = await asked(proxy)
        assert response.status == 400 and "temperature" in response.error["message"]
        assert len(upstream.requests) == 2
        assert proxy.command("lessons.show") == ["nothing was learned"]


@pytest.mark.parametrize("protocol", ["chat", "responses"])
async def test_a_host_that_only_streams_serves_a_client_that_wants_none(protocol: str, tmp_path: Path) -> None:
    completed = {
        "type": "response.completed",
        "response": {
            "id": "resp_1",
            "status": "completed",
            "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}],
        },
    }
    answer = HELLO if protocol == "chat" else b"data: %s\n\n" % json.dumps(completed).encode()
    upstream = Strict(lambda body: "" if body.get("stream") is True else "Stream must be set to true", answer)
    async with proxy_before(upstream, tmp_path, protocol) as proxy:
        for _ in range(2):
            response = await asked(proxy, request_body(stream=False))
            assert response.status == 200
            assert response.json["output"][0]["content"][0]["text"] == "Hello"
    assert len(upstream.requests) == (2 if protocol == "chat" else 3)


async def test_a_host_that_never_streams_serves_a_client_that_wants_a_stream(tmp_path: Path) -> None:
    answer = json.dumps(
        {"id": "1", "choices": [{"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}]}
    ).encode()
    upstream = Strict(lambda body: "Streaming is not supported for this model" if body["stream"] else "", answer)
    async with proxy_before(upstream, tmp_path) as proxy:
        for _ in range(2):
            response = await asked(proxy)
            assert response.body.count(b"event: response.completed") == 1
            assert b"Hello" in response.body
    assert [request["stream"] for request in upstream.requests] == [True, False, False]
