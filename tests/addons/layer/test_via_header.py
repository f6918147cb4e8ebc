"""Request loops: requests that come back to the proxy that sent them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from mitmproxy import ctx, http
from mitmproxy.proxy.layers import http as internals

from addons.layer import via_header
from tests.addons.live_proxy import TIMEOUT_SECONDS, live_proxy
from tests.addons.proxy_under_test import HttpMessage, raw_request, request_body


def received(*via: str) -> http.Request:
    return http.Request.make("POST", "http://host/", b"", http.Headers([(b"via", entry.encode()) for entry in via]))


def sent(*via: str) -> http.Request:
    request = received(*via)
    via_header.mark(request, via_header.marks(request))
    return request


def test_a_request_from_this_proxy_is_recognized() -> None:
    assert not via_header.came_from_us(received())
    assert via_header.came_from_us(sent())
    assert via_header.came_from_us(received(f"1.0 corporate, {sent().headers['via']}", "2 other"))


def test_requests_of_one_proxy_cannot_be_linked() -> None:
    first, second = (sent().headers["via"].split()[1] for _ in range(2))
    assert not any(first[at : at + 8] in second for at in range(len(first) - 8))


@pytest.mark.parametrize("via", ["1.1 " + "0" * 32, "1.1 proxy", "", ",,", "1.1", "\x00", "1.1 " + "f" * 33])
def test_entries_of_others_are_not_recognized(via: str) -> None:
    assert not via_header.came_from_us(received(via))


def test_a_second_proxy_forwards_the_mark_and_does_not_recognize_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = sent()
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(via_header, "_KEY", b"another process")
        assert not via_header.came_from_us(first)
        converted = http.Request.make("POST", "http://host/", b"")
        via_header.mark(converted, via_header.marks(first))
        assert via_header.came_from_us(converted)
    assert via_header.came_from_us(converted), "the first one recognizes it when it comes back"


def test_other_proxies_names_are_not_sent_upstream() -> None:
    assert via_header.marks(received("1.1 gateway.corp.example (squid)")) == []


# --- live ---


@asynccontextmanager
async def proxy(target: str, **settings: str) -> AsyncIterator[int]:
    """The port of a mitmdump with all our addons."""
    plain = internals.HttpStream
    async with live_proxy(target, **settings) as started:
        yield started.port
    internals.HttpStream = plain  # type: ignore[misc]


class Relay:
    """Forwards its port to the proxy's, and counts connections: another address of the same proxy."""

    def __init__(self) -> None:
        self.connections = self.proxy_port = 0
        self.closed = asyncio.Semaphore(0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        from_proxy, to_proxy = await asyncio.open_connection("127.0.0.1", self.proxy_port)
        await asyncio.gather(_pipe(reader, to_proxy), _pipe(from_proxy, writer))
        self.closed.release()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


@asynccontextmanager
async def running_relay() -> AsyncIterator[tuple[Relay, int]]:
    started = Relay()
    server = await asyncio.start_server(started.serve, "127.0.0.1", 0)
    yield started, server.sockets[0].getsockname()[1]
    server.close()
    server.close_clients()
    async with asyncio.timeout(TIMEOUT_SECONDS):
        for _ in range(started.connections):
            await started.closed.acquire()


async def exchange(port: int, raw: bytes) -> HttpMessage:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(HttpMessage(head).headers["content-length"])
        response = HttpMessage(head + await reader.readexactly(length))
    writer.close()
    return response


def routed_to(folder: Path, port: int) -> str:
    (folder / "routes.toml").write_text(
        '[[routes]]\nmodels = "*"\nproviders = "local"\n'
        f'[providers.local]\nprotocol = "chat"\nauth = "none"\nbase_url = "http://localhost:{port}/v1"\n'
    )
    return str(folder / "routes.toml")


LOCAL = {"host": "localhost"}


async def test_a_provider_that_is_this_very_proxy_gets_no_request(tmp_path: Path) -> None:
    async with proxy("http://127.0.0.1:9") as port:
        ctx.options.update(routes=routed_to(tmp_path, port))
        response = await exchange(
            port, raw_request("POST", "/v1/responses", request_body(), LOCAL | {"originator": "codex_exec"})
        )
    assert (response.status, response.error["code"]) == (400, "invalid_prompt")
    assert "is this very proxy" in response.error["message"]


async def test_a_provider_that_is_this_proxy_under_another_name_is_noticed(tmp_path: Path) -> None:
    async with (
        running_relay() as (relay, relay_port),
        proxy("http://127.0.0.1:9", routes=routed_to(tmp_path, relay_port)) as port,
    ):
        relay.proxy_port = port
        response = await exchange(
            port, raw_request("POST", "/v1/responses", request_body(), LOCAL | {"originator": "codex_exec"})
        )
        assert (response.status, relay.connections) == (400, 1)
    assert "came from this very proxy" in response.error["message"]


async def test_a_reverse_target_that_is_this_proxy_does_not_go_round_for_ever() -> None:
    async with running_relay() as (relay, relay_port), proxy(f"http://127.0.0.1:{relay_port}") as port:
        relay.proxy_port = port
        response = await exchange(port, raw_request("GET", "/v1/files", b"", LOCAL))
        assert (response.status, relay.connections) == (400, 1)
        assert "came from this very proxy" in response.error["message"]
