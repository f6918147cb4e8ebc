"""A real proxy between scripted providers: what its client reads, and what each provider was asked."""

import asyncio
import gc
import json
import logging
import weakref
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from addons.exchange.exchange import Exchange
from tests.addons.live_proxy import HELLO, TIMEOUT_SECONDS, LiveProxy, live_proxy
from tests.addons.proxy_under_test import CODEX, HttpMessage, raw_request, request_body


def record(**data: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (data["type"].encode(), json.dumps(data).encode())


ANTHROPIC_HELLO = (
    record(type="message_start", message={"id": "m1", "model": "m", "usage": {"input_tokens": 3, "output_tokens": 0}})
    + record(type="content_block_start", index=0, content_block={"type": "text", "text": ""})
    + record(type="content_block_delta", index=0, delta={"type": "text_delta", "text": "Hello"})
    + record(type="content_block_stop", index=0)
    + record(type="message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 1})
    + record(type="message_stop")
)


def ok(body: bytes = HELLO, **headers: str) -> bytes:
    return response(200, body, **headers)


def response(status: int, body: bytes = b'{"error":{"message":"no"}}', **headers: str) -> bytes:
    fields = {"content-length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + body


class Provider:
    """Answers each request with the next of its script, the last one again and again, and closes. `requests` are those
    it got; None says nothing, and is `left`."""

    def __init__(self, *script: bytes | None) -> None:
        self.script = deque(script)
        self.requests: list[tuple[HttpMessage, Any]] = []
        self.asked, self.left = asyncio.Event(), asyncio.Event()

    @property
    def keys(self) -> list[str]:
        return [head.headers.get("authorization", "").removeprefix("Bearer ") for head, _ in self.requests]

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        yield server.sockets[0].getsockname()[1]
        server.close()
        server.close_clients()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = HttpMessage(await reader.readuntil(b"\r\n\r\n"))
        body = await reader.readexactly(int(head.headers["content-length"]))
        self.requests.append((head, json.loads(body)))
        self.asked.set()
        answer = self.script.popleft() if len(self.script) > 1 else self.script[0]
        if answer is None:
            await reader.read()
            self.left.set()
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()


PROTOCOLS = {"a": "chat", "b": "anthropic", "c": "chat", "r": "responses"}


@asynccontextmanager
async def between(folder: Path, route: str = "", table: str = "", /, **providers: Provider) -> AsyncIterator[LiveProxy]:
    """A proxy with a route to these providers in their order; `table` is in that of the provider `a`."""
    async with AsyncExitStack() as stack:
        text = f'[[routes]]\nmodels = ["m-*"]\nproviders = {json.dumps(list(providers))}\n{route}\n'
        for name, provider in providers.items():
            port = await stack.enter_async_context(provider.serving())
            text += f'[providers.{name}]\nprotocol = "{PROTOCOLS[name]}"\nbase_url = "http://127.0.0.1:{port}/v1"\n'
            text += table if name == "a" and table else 'auth = "none"\n'
        (routes := folder / "routes.toml").write_text(text)
        yield await stack.enter_async_context(live_proxy("http://127.0.0.1:9", routes))


async def ask(proxy: LiveProxy, headers: dict[str, str] = CODEX, **fields: Any) -> HttpMessage:
    return HttpMessage(await proxy.send("POST", "/v1/responses", request_body(**fields), headers))


def comments(proxy: LiveProxy) -> list[str]:
    return [flow.comment for flow in proxy.flows[1:]]


@pytest.mark.parametrize(
    "failure",
    [
        response(503),
        response(500, b"<html>Bad gateway</html>"),
        response(401),
        response(402),
        response(429),
        response(404, b'{"error":{"message":"no such model","code":"model_not_found"}}'),
        ok(b""),
        ok(b'data: {"error":{"message":"busy","code":503}}\n\n'),
        b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\ndata: {",
    ],
    ids=["503", "page", "401", "402", "429", "404", "nothing", "error event", "cut"],
)
async def test_another_protocols_provider_answers_for_one_that_fails(tmp_path: Path, failure: bytes) -> None:
    failing, healthy = Provider(failure), Provider(ok(ANTHROPIC_HELLO))
    async with between(tmp_path, "retry = { wait = 0 }", a=failing, b=healthy) as proxy:
        answer = await ask(proxy)
        assert answer.status == 200
        assert answer.body.count(b"event: response.created") == answer.body.count(b"event: response.completed") == 1
        assert b"Hello" in answer.body and b"response.failed" not in answer.body
        assert len(failing.requests) == len(healthy.requests) == 1
        assert healthy.requests[0][1]["messages"][0]["content"][0]["text"] == "hi"
        assert "; next provider b" in comments(proxy)[0]


async def test_what_passes_is_tried_again_at_the_same_provider(tmp_path: Path) -> None:
    first, second = Provider(response(503), ok()), Provider(ok(ANTHROPIC_HELLO))
    async with between(tmp_path, a=first, b=second) as proxy:
        assert b"Hello" in (await ask(proxy)).body
        assert (len(first.requests), len(second.requests)) == (2, 0)
        assert "; next try in 0." in comments(proxy)[0]


async def test_keys_take_turns_and_the_next_one_answers_for_one_that_is_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRST_KEY", "key-1")
    monkeypatch.setenv("SECOND_KEY", "key-2")
    provider = Provider(response(429, retry_after="60"), ok())
    async with between(tmp_path, "", 'key_env = ["FIRST_KEY", "SECOND_KEY"]\n', a=provider) as proxy:
        for _ in range(2):
            assert (await ask(proxy)).status == 200
        assert provider.keys == ["key-1", "key-2", "key-2"]
        assert "key-" not in str([flow.get_state() for flow in proxy.flows])


async def test_a_wait_that_is_too_long_is_told(tmp_path: Path) -> None:
    provider = Provider(response(429, retry_after="60"))
    async with between(tmp_path, a=provider) as proxy:
        answer = await ask(proxy)
        assert (answer.status, answer.headers["retry-after"]) == (429, "60")
        assert len(provider.requests) == 1


async def test_a_wait_that_fits_is_waited_for(tmp_path: Path) -> None:
    provider = Provider(response(429, retry_after="1"), ok())
    async with between(tmp_path, a=provider) as proxy:
        assert b"Hello" in (await ask(proxy)).body
        assert len(provider.requests) == 2


async def test_where_all_fail_the_client_reads_what_tells_most(tmp_path: Path) -> None:
    providers = {
        "a": Provider(response(401)),
        "b": Provider(response(529, retry_after="9")),
        "c": Provider(response(402)),
    }
    async with between(tmp_path, "retry = { wait = 0 }", **providers) as proxy:
        answer = await ask(proxy)
        assert (answer.status, answer.headers["retry-after"]) == (503, "9")
        assert "b answered 529" in answer.error["message"]
        assert [len(provider.requests) for provider in providers.values()] == [1, 1, 1]


@asynccontextmanager
async def leaving(proxy: LiveProxy) -> AsyncIterator[None]:
    """A client that leaves after that, without a response."""
    _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(raw_request("POST", "/v1/responses", request_body(), CODEX | {"host": "localhost"}))
    async with asyncio.timeout(TIMEOUT_SECONDS):
        yield
        writer.close()
        while proxy.flows[0].live:
            await asyncio.sleep(0.01)


async def test_a_client_that_leaves_while_it_waits_is_tried_for_no_more(tmp_path: Path) -> None:
    provider = Provider(response(503, retry_after="15"), ok())
    async with between(tmp_path, a=provider) as proxy:
        async with leaving(proxy):
            while not comments(proxy) or "next try" not in comments(proxy)[0]:
                await asyncio.sleep(0.01)
        assert len(provider.requests) == 1


async def test_a_client_that_leaves_ends_the_attempt_and_tells_nothing_of_the_provider(tmp_path: Path) -> None:
    provider = Provider(None, ok())
    async with between(tmp_path, a=provider, b=Provider(ok(ANTHROPIC_HELLO))) as proxy:
        async with leaving(proxy):
            await provider.asked.wait()
        await provider.left.wait()
        assert b"Hello" in (await ask(proxy)).body
        assert len(provider.requests) == 2


async def test_a_turn_stays_with_who_answered_it(tmp_path: Path) -> None:
    first, second = Provider(response(402), ok()), Provider(ok(ANTHROPIC_HELLO, x_codex_turn_state="theirs"))
    async with between(tmp_path, a=first, b=second) as proxy:
        state = (await ask(proxy)).headers["x-codex-turn-state"]
        assert state.startswith("tc1.") and state.endswith(".theirs")
        again = await ask(proxy, CODEX | {"x-codex-turn-state": state})
        assert again.headers["x-codex-turn-state"] == state
        assert (len(first.requests), len(second.requests)) == (1, 2)
        assert second.requests[1][0].headers["x-codex-turn-state"] == "theirs"


async def test_with_one_provider_a_client_sees_no_difference(tmp_path: Path) -> None:
    provider = Provider(ok(x_codex_turn_state="theirs"))
    async with between(tmp_path, a=provider) as proxy:
        assert (await ask(proxy)).headers["x-codex-turn-state"] == "theirs"


async def test_what_a_refusal_teaches_is_used_at_once_and_later(tmp_path: Path) -> None:
    refusal = b'{"error":{"message":"Unsupported parameter: \'parallel_tool_calls\'","code":"unsupported_parameter"}}'
    provider = Provider(response(400, refusal), ok())
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}]
    async with between(tmp_path, "", 'auth = "none"\ndialect = { parallel_tool_calls = true }\n', a=provider) as proxy:
        for _ in range(2):
            assert (await ask(proxy, tools=tools, parallel_tool_calls=True)).status == 200
        assert ["parallel_tool_calls" in body for _, body in provider.requests] == [True, False, False]


async def test_a_failover_is_one_line_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with between(tmp_path, a=Provider(response(402)), b=Provider(ok(ANTHROPIC_HELLO))) as proxy:
        with caplog.at_level(logging.INFO):
            await ask(proxy)
        lines = [record.getMessage() for record in caplog.records if "next provider" in record.getMessage()]
        assert lines == [f"{proxy.flows[0].id[:8]}: a failed (402 quota), next provider b"]


class Remembers:
    """All exchanges, as long as somebody else holds them."""

    def __init__(self) -> None:
        self.exchanges: list[weakref.ref[Exchange]] = []

    def next_attempt(self, exchange: Exchange) -> None:
        self.exchanges.append(weakref.ref(exchange))


async def test_an_exchange_whose_client_leaves_the_line_leaves_nothing_for_the_collector(tmp_path: Path) -> None:
    remembers, request = Remembers(), raw_request("POST", "/v1/responses", request_body())
    async with between(tmp_path, "limits = { concurrent = 1 }", a=Provider(None)) as proxy:
        proxy.master.addons.add(remembers)
        gc.collect()
        gc.disable()
        try:
            clients = []
            for _ in range(2):
                reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
                writer.write(request.replace(b"host: proxy", b"host: localhost"))
                clients.append((reader, writer))
                await asyncio.sleep(0.4)
            for _, writer in reversed(clients):
                writer.close()
                await asyncio.sleep(0.3)
            proxy.flows.clear()
            await asyncio.sleep(0.5)
            assert [exchange() for exchange in remembers.exchanges] == [None, None]
        finally:
            gc.enable()
