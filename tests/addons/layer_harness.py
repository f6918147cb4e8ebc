"""mitmproxy's HTTP layer without a network: tests give bytes and read bytes and a log of what happened."""

import asyncio
import inspect
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from mitmproxy import connection, http, options
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, context, events
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode, HttpStream
from mitmproxy.proxy.mode_specs import ProxyMode

from addons.exchange.exchange import Attempt, Exchange, Limits, Outcome
from addons.exchange.flow_metadata import SIDE
from converters import errors
from converters.dialect import DialectChange
from converters.errors import ClientResponse, Fault
from converters.losses import Losses

POST = b"POST /v1/responses HTTP/1.1\r\nhost: proxy\r\ncontent-length: 5\r\n\r\nhello"
OK = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


class UppercaseConverter:
    """A conversion for tests: the upstream's words in capitals; "-" says nothing, "!" is a failure that the response
    tells of itself, "." is the end. Fit for `ResponseConverter`."""

    surprise = ""
    blames_reasoning = False
    lesson: DialectChange | None = None
    blames_previous_response = False
    usage: dict[str, Any] | None = None

    def __init__(self, *, stream: bool = True) -> None:
        self.stream = stream
        self.losses = Losses()
        self.received = b""
        self.progress = 0
        self.fault: Fault | None = None
        self.faults: list[Fault] = []
        self.held = b""
        """What it has to tell once it is committed."""

    @property
    def failed(self) -> bool:
        return self.fault is not None

    @property
    def ended(self) -> bool:
        return self.failed or b"." in self.received

    def feed(self, data: bytes) -> list[bytes]:
        self.received += data
        self.progress += len(data.replace(b"-", b""))
        if b"!" in data:
            self.fault = Fault("server", "said no")
        return [word for word in [data.replace(b"-", b"").replace(b"!", b"").upper()] if word]

    def close(self) -> list[bytes]:
        return [b"END"]

    def fail(self, fault: Fault) -> list[bytes]:
        self.faults.append(fault)
        if self.received.endswith(b"."):
            return []
        self.fault = fault
        return [f"FAILED {fault.kind}".encode()]

    def commit(self) -> list[bytes]:
        held, self.held = self.held, b""
        return [held]

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.fault = errors.read("acme", status, headers, body)

    def whole(self) -> ClientResponse:
        if self.fault is not None:
            return errors.client_response(self.fault, "other")
        return ClientResponse(200, {"content-type": "text/plain"}, self.received.upper())

    def keepalive(self) -> list[bytes]:
        return [b"alive"]


type Step = http.HTTPFlow | http.Response | None


class ScriptedAddon:
    """An addon that answers each `next_attempt` with the next step, and keeps what it got.

    With no step to begin with it lets all requests pass. `settings` are of the exchange, the attempt or its limits.
    """

    def __init__(
        self, *steps: Step, answer: Callable[[], UppercaseConverter] = UppercaseConverter, **settings: Any
    ) -> None:
        self.steps, self.passes = deque(steps), not steps
        self.settings = settings
        self.answer = answer
        self.answers: list[UppercaseConverter] = []
        self.exchanges: list[Exchange] = []
        self.faults: list[Fault | None] = []
        self.ends: list[tuple[Outcome | None, Fault | None]] = []
        """Of attempts and exchanges, in their order."""

    def next_attempt(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)
        self.faults.append(exchange.fault)
        exchange.pass_through = self.passes
        step = self.steps.popleft() if self.steps else None
        if isinstance(step, http.Response):
            exchange.flow.response = step
        elif step is not None:
            self.answers.append(self.answer())
            self._set(exchange, planned(step, self.answers[-1], **self.settings))

    def _set(self, exchange: Exchange, chosen: Attempt) -> None:
        exchange.attempt = chosen
        exchange.quiet = self.settings.get("quiet", exchange.quiet)
        exchange.head_patience = self.settings.get("head_patience")

    def attempt_end(self, exchange: Exchange) -> None:
        attempt = exchange.attempts[-1]
        self.ends.append((attempt.outcome, attempt.fault))

    def exchange_end(self, exchange: Exchange) -> None:
        self.ends.append((exchange.outcome, exchange.fault))


def planned(flow: http.HTTPFlow, conversion: UppercaseConverter, **settings: Any) -> Attempt:
    limits = Limits(**{name: value for name, value in settings.items() if name in Limits.__slots__})
    credentials = settings.get("credentials", {"authorization": "Bearer sk-secret"})
    provider_name = settings.get("provider_name", "the upstream")
    return Attempt(flow, conversion, credentials, provider_name, limits=limits)


def attempt(port: int = 1, body: bytes = b"question") -> http.HTTPFlow:
    client = connection.Client(peername=("client", 1), sockname=("proxy", 2), timestamp_start=0)
    flow = http.HTTPFlow(client, connection.Server(address=None))
    flow.request = http.Request.make("POST", f"http://upstream:{port}/chat", body, {"authorization": "Bearer <key>"})
    return flow


class EditingAddon(ScriptedAddon):
    """As a person who edits or kills an attempt in mitmweb, or an addon that responds in place of an upstream."""

    reply: http.Response | None = None
    kill = ""

    def request(self, flow: http.HTTPFlow) -> None:
        if flow.metadata.get(SIDE) == "upstream":
            flow.request.raw_content = b"edited!"
            flow.response = self.reply
            self.stop(flow, "attempt request")

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        self.stop(flow, f"{'attempt' if flow.metadata[SIDE] == 'upstream' else 'client'} responseheaders")

    def stop(self, flow: http.HTTPFlow, entry: str) -> None:
        if entry == self.kill:
            self.kill = ""
            flow.kill()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def chunked_response(*chunks: bytes) -> bytes:
    return OK + b"".join(map(chunk, chunks)) + END


def body(sent: bytes) -> bytes:
    """All after the first message's head."""
    return sent.partition(b"\r\n\r\n")[2]


def refusal(status: int = 429, text: bytes = b"slow down") -> bytes:
    return b"HTTP/1.1 %d No\r\nretry-after: 7\r\ncontent-length: %d\r\n\r\n%s" % (status, len(text), text)


def run_to_end(result: Any) -> None:
    """Runs a hook that has nothing to wait for, if it is a coroutine."""
    if inspect.iscoroutine(result):
        with suppress(StopIteration):
            result.send(None)
            raise AssertionError("the hook waits")


def on_each(addons: Iterable[object], hook: str) -> Callable[..., None]:
    """The hook of all these addons, as one."""
    handlers = [getattr(addon, hook) for addon in addons if hasattr(addon, hook)]

    def call(*args: Any) -> None:
        for handler in handlers:
            run_to_end(handler(*args))

    return call


class LayerHarness:
    """One client connection. Hooks complete at once unless their name is in `held`; upstreams connect at once unless
    their port is in `refused` or `held`.

    `log` has hooks as "client response" or "attempt response", connections as "connect 1" and "close 1" (their port);
    `lines` what mitmproxy logs.
    """

    def __init__(
        self,
        addon: object,
        *,
        refused: Iterable[int] = (),
        alpn: bytes | None = None,
        upstream_alpn: bytes | None = None,
        set_options: Mapping[str, object] | None = None,
        mode: str = "regular",
        reached_on: str = "127.0.0.1",
    ) -> None:
        self.addon, self.refused, self.upstream_alpn = addon, set(refused), upstream_alpn
        self.mode, self.reached_on = ProxyMode.parse(mode), reached_on
        self.set_options = set_options or {}
        self.log: list[str] = []
        self.held: set[str | int] = set()
        self.to_client = b""
        self.to_upstream: dict[int, bytes] = {}
        self.flows: list[http.HTTPFlow] = []
        self.wakeups: list[commands.RequestWakeup] = []
        self.lines: list[str] = []
        self._waiting: list[commands.Command] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._servers: list[connection.Server] = []
        self._events: deque[events.Event] = deque()
        self._is_running = False
        self._layer = self._make_layer(alpn)
        self._run(events.Start())

    def _make_layer(self, alpn: bytes | None) -> HttpLayer:
        settings = options.Options()
        Proxyserver().load(settings)  # type: ignore[no-untyped-call]
        settings.add_option("proxy_debug", bool, False, "")
        settings.update(**self.set_options)
        self.client = connection.Client(
            peername=("client", 1),
            sockname=(self.reached_on, 2),
            timestamp_start=0,
            state=ConnectionState.OPEN,
            alpn=alpn,
        )
        self.client.proxy_mode = self.mode
        here = context.Context(self.client, settings)
        here.server.address = ("target", 80)
        return HttpLayer(here, HTTPMode.transparent)

    def client_sends(self, data: bytes = POST) -> None:
        """The client sends bytes."""
        self._run(events.DataReceived(self.client, data))

    def client_disconnects(self) -> None:
        self.client.state &= ~ConnectionState.CAN_READ
        self._run(events.ConnectionClosed(self.client))

    def upstream_sends(self, data: bytes, port: int = 1) -> None:
        """The upstream sends bytes."""
        self._run(events.DataReceived(self._server(port), data))

    def upstream_closes(self, port: int = 1) -> None:
        server = self._server(port)
        server.state &= ~ConnectionState.CAN_READ
        self._run(events.ConnectionClosed(server))

    def fire_timers(self) -> None:
        """All pending wake-ups come due."""
        due, self.wakeups = self.wakeups, []
        self._run(*map(events.Wakeup, due))

    @contextmanager
    def holding(self, what: str | int) -> Iterator[None]:
        """Meanwhile, a hook (by its log entry) or a connection (by its port) does not complete."""
        self.held.add(what)
        yield
        self.held.clear()
        waiting, self._waiting = self._waiting, []
        for command in waiting:
            self._complete(command)
        self._run()

    async def hooks_over(self) -> None:
        """When all hooks that wait for something have come to their end."""
        await asyncio.gather(*self._tasks)

    @property
    def streams(self) -> list[HttpStream]:
        """Those that have not ended."""
        return list(self._layer.streams.values())

    def flow(self, side: str, number: int = 0) -> http.HTTPFlow:
        return [flow for flow in self.flows if flow.metadata.get(SIDE, "client") == side][number]

    def hooks(self, side: str) -> list[str]:
        return [entry.removeprefix(side + " ") for entry in self.log if entry.startswith(side + " ")]

    def _server(self, port: int) -> connection.Server:
        return [server for server in self._servers if server.address and server.address[1] == port][-1]

    def _run(self, *new: events.Event) -> None:
        self._events.extend(new)
        if self._is_running:
            return  # a hook that did not wait: who runs takes this, too
        self._is_running = True
        while self._events:
            for command in self._layer.handle_event(self._events.popleft()):
                self._execute(command)
        self._is_running = False

    def _execute(self, command: commands.Command) -> None:
        match command:
            case commands.SendData(connection=connection.Client(), data=data):
                self.to_client += data
            case commands.SendData(connection=connection.Server(address=(_, port)), data=data):
                self.to_upstream[port] = self.to_upstream.get(port, b"") + data
            case commands.CloseConnection(connection=peer):
                self._close(peer)
            case commands.Log(message=message):
                self.lines.append(message)
            case commands.RequestWakeup():
                self.wakeups.append(command)
            case commands.StartHook() | commands.OpenConnection():
                self._complete(command)

    def _complete(self, command: commands.Command) -> None:
        name = self._entry(command)
        if name in self.held:
            self._waiting.append(command)
        elif isinstance(command, commands.OpenConnection):
            self._open(command)
        elif isinstance(command, commands.StartHook):
            self.log.append(str(name))
            handler = getattr(self.addon, command.name, None)
            result = handler(*command.args()) if handler is not None else None
            if inspect.iscoroutine(result):
                self._start(self._complete_later(command, result))
            else:
                self._events.append(events.HookCompleted(command))

    def _start(self, hook: Coroutine[Any, Any, None]) -> None:
        """Runs a hook until it waits; outside of an event loop there is nothing to wait for."""
        try:
            self._tasks.append(asyncio.Task(hook, loop=asyncio.get_running_loop(), eager_start=True))
        except RuntimeError:
            run_to_end(hook)

    async def _complete_later(self, command: commands.StartHook, hook: Coroutine[Any, Any, None]) -> None:
        await hook
        self._run(events.HookCompleted(command))

    def _entry(self, command: commands.Command) -> str | int:
        if isinstance(command, commands.OpenConnection):
            assert command.connection.address is not None
            return command.connection.address[1]
        assert isinstance(command, commands.StartHook)
        data = command.args()[0]
        if not isinstance(data, http.HTTPFlow):
            return command.name
        if data not in self.flows:
            self.flows.append(data)
        return f"{'attempt' if data.metadata.get(SIDE) == 'upstream' else 'client'} {command.name}"

    def _open(self, command: commands.OpenConnection) -> None:
        server = command.connection
        assert server.address is not None
        port = server.address[1]
        error = None
        if server.error or port in self.refused:
            error = server.error = server.error or "refused"
        else:
            server.state, server.alpn = ConnectionState.OPEN, self.upstream_alpn
            self._servers.append(server)
        self.log.append(f"{'refuse' if error else 'connect'} {port}")
        self._events.append(events.OpenConnectionCompleted(command, error))

    def _close(self, peer: connection.Connection) -> None:
        was_open = peer.state is not ConnectionState.CLOSED
        peer.state = ConnectionState.CLOSED
        if isinstance(peer, connection.Client):
            self.log.append("close client")
        elif peer in self._servers and was_open and peer.address:
            self.log.append(f"close {peer.address[1]}")
            self._events.append(events.ConnectionClosed(peer))
        elif not was_open and isinstance(peer, connection.Server):
            peer.error = "closed by command"  # as the proxy does with a connection that is being made


def harness_after_request(addon: ScriptedAddon, **settings: object) -> LayerHarness:
    """The client has sent its request, and the attempt waits for a response."""
    harness = LayerHarness(addon, **settings)  # type: ignore[arg-type]
    harness.client_sends()
    return harness


def harness_after_first_chunk(addon: ScriptedAddon) -> LayerHarness:
    """The client has read the first chunk."""
    harness = harness_after_request(addon)
    harness.upstream_sends(OK + chunk(b"one"))
    assert harness.to_client.endswith(chunk(b"ONE"))
    return harness
