"""The layer within a real proxy, between real sockets."""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mitmproxy import connection, http, io, options
from mitmproxy.tools.dump import DumpMaster

from addons.exchange.exchange import Attempt, Exchange, Limits
from addons.exchange.flow_metadata import SIDE, WHOLE
from tests.addons.layer_harness import END, OK, POST, UppercaseConverter, chunk, chunked_response, refusal
from tests.addons.live_proxy import TIMEOUT_SECONDS, listening

SECRET = "sk-secret-on-the-wire"  # pragma: allowlist secret


class Upstream:
    """A server with one line of a script for each request: it sends it, and then stays, stalls, closes or resets."""

    def __init__(self, *script: tuple[bytes, str]) -> None:
        self.script = deque(script)
        self.connections = 0
        self.heads: list[bytes] = []
        self.left = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left.set()
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        await reader.readexactly(len(b"question"))
        data, then = self.script.popleft()
        writer.write(data)
        await writer.drain()
        if then == "reset":
            await asyncio.sleep(0.1)  # else the reset overtakes the data
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if then == "stall":
            await reader.readexactly(1)
        return then == "stay"


class Router:
    """Sends each request to the next port, once around."""

    def __init__(self, *ports: int, **limits: float) -> None:
        self.ports, self.limits = ports, limits
        self.ended: list[str] = []
        self.left = asyncio.Event()

    def next_attempt(self, exchange: Exchange) -> None:
        tried = len(exchange.attempts)
        if tried >= len(self.ports):
            exchange.flow.response = http.Response.make(503, b"nobody", {"retry-after": "5"})
            return
        flow = http.HTTPFlow(exchange.flow.client_conn, connection.Server(address=None))
        scheme = "https" if tried < self.limits.get("tls", 0) else "http"
        flow.request = http.Request.make("POST", f"{scheme}://127.0.0.1:{self.ports[tried]}/chat", b"question")
        limits = Limits(connect=self.limits.get("connect"), idle=self.limits.get("idle"))
        exchange.attempt = Attempt(flow, UppercaseConverter(), {"authorization": f"Bearer {SECRET}"}, limits=limits)
        exchange.quiet = self.limits.get("quiet", 15.0)

    def response(self, flow: http.HTTPFlow) -> None:
        self.ended.append(f"{flow.metadata.get(SIDE)} response")

    def error(self, flow: http.HTTPFlow) -> None:
        self.ended.append(f"{flow.metadata.get(SIDE)} error")
        if flow.metadata.get(SIDE) == "client":
            self.left.set()


@asynccontextmanager
async def proxy(router: Router, kept: Path | None = None) -> AsyncIterator[int]:
    """The port of a mitmdump that runs the router."""
    settings = {"connection_strategy": "lazy", "save_stream_file": str(kept) if kept else None}
    async with listening("http://127.0.0.1:9", router, **settings) as running:
        yield running.port


@asynccontextmanager
async def upstreams(*servers: Upstream) -> AsyncIterator[list[int]]:
    started = [await asyncio.start_server(server.serve, "127.0.0.1", 0) for server in servers]
    yield [server.sockets[0].getsockname()[1] for server in started]
    for server in started:
        server.close()
        server.close_clients()


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def ask(self) -> None:
        self.writer.write(POST)

    async def until(self, end: bytes) -> bytes:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await self.reader.readuntil(end)

    async def answer(self) -> bytes:
        """The chunks of one answer."""
        self.ask()
        await self.until(b"\r\n\r\n")
        return await self.until(END)


@asynccontextmanager
async def client(port: int) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield Client(reader, writer)
    writer.close()
    await writer.wait_closed()


@pytest.fixture(autouse=True)
def nothing_crashed(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """mitmproxy logs what its layers raise and goes on."""
    yield
    assert [record.getMessage() for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []


@pytest.fixture
def refusing() -> Iterator[int]:
    """A port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


async def test_two_exchanges_share_one_connection_on_each_side() -> None:
    upstream = Upstream((chunked_response(b"one"), "stay"), (chunked_response(b"two"), "stay"))
    async with upstreams(upstream) as [port], proxy(Router(port)) as here, client(here) as codex:
        assert await codex.answer() == chunk(b"ONE") + chunk(b"END") + END
        assert await codex.answer() == chunk(b"TWO") + chunk(b"END") + END
    assert upstream.connections == 1
    assert all(SECRET.encode() in head for head in upstream.heads)


async def test_all_that_can_fail_fails_before_the_client_reads_a_word(refusing: int) -> None:
    limited, reset, good = (
        Upstream((refusal(), "stay")),
        Upstream((OK, "reset")),
        Upstream((chunked_response(b"one"), "stay")),
    )
    async with (
        upstreams(limited, reset, good) as ports,
        proxy(Router(refusing, *ports)) as here,
        client(here) as codex,
    ):
        assert await codex.answer() == chunk(b"ONE") + chunk(b"END") + END


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that does not even refuse: its queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for connection in waiting:
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", port))
        yield port
        for connection in waiting:
            connection.close()


async def test_a_host_that_is_silent_is_given_up(silent: int) -> None:
    good = Upstream((chunked_response(b"one"), "stay"))
    async with upstreams(good) as [port], proxy(Router(silent, port, connect=0.5)) as here, client(here) as codex:
        assert await codex.answer() == chunk(b"ONE") + chunk(b"END") + END


class Plain(Upstream):
    """Does not understand TLS, and says so."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()


async def test_a_tls_handshake_that_fails_can_fail_again() -> None:
    plain, good = Plain(), Upstream((chunked_response(b"one"), "stay"))
    async with (
        upstreams(plain, good) as [port, other],
        proxy(Router(port, port, other, tls=2)) as here,
        client(here) as codex,
    ):
        assert await codex.answer() == chunk(b"ONE") + chunk(b"END") + END
    assert plain.connections == 2


async def test_a_tls_handshake_that_hangs_is_given_up() -> None:
    deaf, good = Upstream(), Upstream((chunked_response(b"one"), "stay"))
    async with (
        upstreams(deaf, good) as [port, other],
        proxy(Router(port, other, tls=1, connect=0.5)) as here,
        client(here) as codex,
    ):
        assert await codex.answer() == chunk(b"ONE") + chunk(b"END") + END


async def test_the_saved_flows_are_both_sides_and_hold_no_credentials(tmp_path: Path) -> None:
    kept = tmp_path / "flows"
    upstream = Upstream((chunked_response(b"one", b"two"), "stay"), (OK + chunk(b"half"), "reset"))
    async with upstreams(upstream) as [port], proxy(Router(port), kept) as here, client(here) as codex:
        await codex.answer()
        await codex.answer()
    assert SECRET.encode() not in kept.read_bytes()
    with kept.open("rb") as file:
        flows = list(io.FlowReader(file).stream())
    bodies = sorted(
        (flow.metadata[SIDE], flow.response.raw_content)
        for flow in flows
        if isinstance(flow, http.HTTPFlow) and flow.response
    )
    assert bodies == [
        ("client", b"HALFFAILED cut"),
        ("client", b"ONETWOEND"),
        ("upstream", b"half"),
        ("upstream", b"onetwo"),
    ]


async def test_a_drop_within_a_response_is_a_clean_end_and_the_client_tries_again() -> None:
    upstream = Upstream((OK + chunk(b"one"), "reset"), (chunked_response(b"two"), "stay"))
    async with upstreams(upstream) as [port]:
        router = Router(port)
        async with proxy(router) as here, client(here) as codex:
            assert await codex.answer() == chunk(b"ONE") + chunk(b"FAILED cut") + END
            assert await codex.answer() == chunk(b"TWO") + chunk(b"END") + END
    assert router.ended == ["upstream error", "client response", "upstream response", "client response"]


@pytest.mark.parametrize("sent", [b"", OK, OK + chunk(b"one")])
async def test_the_upstream_sees_at_once_that_the_client_left(sent: bytes) -> None:
    upstream = Upstream((sent, "stall"))
    async with upstreams(upstream) as [port]:
        router = Router(port)
        async with proxy(router) as here:
            async with client(here) as codex:
                codex.ask()
                if sent.endswith(b"\r\n") and sent != OK:
                    await codex.until(b"ONE\r\n")
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    while not upstream.heads:
                        await asyncio.sleep(0.01)
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await upstream.left.wait()
                await router.left.wait()
    assert sorted(router.ended) == ["client error", "upstream error"]


async def test_a_silent_upstream_is_bridged_and_then_given_up() -> None:
    upstream = Upstream((OK + chunk(b"one"), "stall"))
    async with upstreams(upstream) as [port]:
        async with proxy(Router(port, idle=0.5, quiet=0.1)) as here, client(here) as codex:
            chunks = await codex.answer()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await upstream.left.wait()
    assert chunks.startswith(chunk(b"ONE") + chunk(b"alive"))
    assert chunks.endswith(chunk(b"FAILED timeout") + END)


async def test_a_saved_request_can_be_replayed(tmp_path: Path) -> None:
    kept = tmp_path / "flows"
    upstream = Upstream((chunked_response(b"one"), "stay"))
    async with upstreams(upstream) as [port], proxy(Router(port), kept) as here, client(here) as codex:
        await codex.answer()
    with kept.open("rb") as file:
        (saved,) = [flow for flow in io.FlowReader(file).stream() if flow.metadata[SIDE] == "client"]
    assert isinstance(saved, http.HTTPFlow)
    saved.response = None
    first, second = Upstream((refusal(), "stay")), Upstream((chunked_response(b"two"), "stay"))
    async with upstreams(first, second) as ports:
        router = Router(*ports)
        async with replaying(router, saved), asyncio.timeout(TIMEOUT_SECONDS):
            while len(router.ended) < 3:
                await asyncio.sleep(0.01)
    assert router.ended == ["upstream response", "upstream response", "client response"]
    assert saved.response and saved.response.raw_content == b"TWOEND"


class Limiting(Router):
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        flow.metadata[WHOLE] = 100_000


@pytest.mark.parametrize("form", ["length", "chunked"])
async def test_a_client_that_sends_all_before_it_reads_reads_the_refusal(form: str) -> None:
    """A connection that is closed while it sends would be reset, and the answer lost."""
    piece, count = bytes(1 << 20), 40
    framing = b"content-length: %d" % (len(piece) * count) if form == "length" else b"transfer-encoding: chunked"
    async with proxy(Limiting()) as here, client(here) as codex, asyncio.timeout(TIMEOUT_SECONDS):
        codex.writer.write(b"POST /v1/responses HTTP/1.1\r\nhost: proxy\r\n" + framing + b"\r\n\r\n")
        for _ in range(count):
            codex.writer.write(piece if form == "length" else chunk(piece))
            await codex.writer.drain()
        if form == "chunked":
            codex.writer.write(END)
        response = await codex.reader.read()
    assert response.startswith(b"HTTP/1.1 413")
    assert b"the request is larger than" in response


@asynccontextmanager
async def replaying(router: Router, saved: http.HTTPFlow) -> AsyncIterator[None]:
    master = DumpMaster(options.Options(), with_termlog=False, with_dumper=False)
    master.options.update(server=False, connection_strategy="lazy")
    master.addons.add(router)  # type: ignore[no-untyped-call]
    running = asyncio.create_task(master.run())
    await asyncio.sleep(0.1)
    master.commands.call("replay.client", [saved])
    try:
        yield
    finally:
        master.shutdown()  # type: ignore[no-untyped-call]
        await running


class WaitingRouter(Router):
    """Waits for the client to leave before it tries a second time."""

    def __init__(self, *ports: int) -> None:
        super().__init__(*ports)
        self.waits = asyncio.Event()
        self.is_over = False

    async def next_attempt(self, exchange: Exchange) -> None:  # type: ignore[override]
        if exchange.attempts:
            self.waits.set()
            try:
                await exchange.client_left.wait()
            finally:
                self.is_over = True
        super().next_attempt(exchange)


async def test_a_client_that_leaves_ends_a_wait_at_once_and_leaves_nothing() -> None:
    limited, other = Upstream((refusal(), "stay")), Upstream((chunked_response(b"one"), "stay"))
    async with upstreams(limited, other) as ports:
        router = WaitingRouter(*ports)
        async with proxy(router) as here, asyncio.timeout(TIMEOUT_SECONDS):
            before = asyncio.all_tasks()
            async with client(here) as codex:
                codex.ask()
                await router.waits.wait()
            await router.left.wait()
            while any(
                "hook" in task.get_name() or "client" in task.get_name() for task in asyncio.all_tasks() - before
            ):
                await asyncio.sleep(0.01)
    assert router.is_over and router.ended == ["upstream response", "client error"]
    assert other.connections == 0
