"""A real proxy in this process, between real sockets, and an upstream that echoes its requests."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mitmproxy import http, options
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.addons.script import load_script
from mitmproxy.tools.dump import DumpMaster

from tests.addons.proxy_under_test import SCRIPT, HttpMessage

TIMEOUT_SECONDS = 20.0  # only a test that fails waits so long

HELLO = (
    b'data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Hello"}}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


class EchoUpstream:
    """An upstream whose responses repeat the head of the request; the model's name says how they end."""

    def __init__(self) -> None:
        self.requests: list[tuple[HttpMessage, bytes]] = []

    @property
    def heads(self) -> list[str]:
        return [f"{message.first} {message.fields}" for message, _ in self.requests]

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        yield server.sockets[0].getsockname()[1]
        server.close()
        server.close_clients()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = HttpMessage(await reader.readuntil(b"\r\n\r\n"))
                body = await reader.readexactly(int(head.headers.get("content-length", 0)))
                self.requests.append((head, body))
                await self._answer(head, json.loads(body).get("model", "") if body else "", writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, head: HttpMessage, model: str, writer: asyncio.StreamWriter) -> None:
        echoed = "; ".join([head.first, *(f"{name}: {value}" for name, value in head.fields)])
        if model.endswith("refused"):
            write(writer, 401, json.dumps({"error": {"message": echoed}}).encode(), echoed)
        elif model.endswith("page"):
            write(
                writer,
                500,
                f"<html>{quote(echoed)} {base64.b64encode(echoed.encode()).decode()}</html>".encode(),
                echoed,
            )
        elif model.endswith("cut"):
            write(writer, 200, spoken(echoed) + HELLO[:40], echoed, length=10_000)
            await writer.drain()
            raise ConnectionError
        elif model.endswith("failing"):
            write(
                writer, 200, spoken("Hm.") + b'data: {"error":{"message":%s}}\n\n' % json.dumps(echoed).encode(), echoed
            )
        elif model.endswith("split"):
            pieces = (echoed[start : start + 7] for start in range(0, len(echoed), 7))
            write(writer, 200, b"".join(map(spoken, pieces)) + HELLO, echoed)
        elif model:
            write(writer, 200, spoken(echoed) + HELLO, echoed)
        else:
            parts = head.first.replace("&", " ").replace("=", " = ")
            write(writer, 200, f"{echoed} {parts}".encode(), echoed)
        await writer.drain()


def spoken(text: str) -> bytes:
    delta = {"choices": [{"index": 0, "delta": {"content": text}}]}
    return f"data: {json.dumps(delta)}\n\n".encode()


def write(writer: asyncio.StreamWriter, status: int, body: bytes, echoed: str, *, length: int | None = None) -> None:
    head = f"HTTP/1.1 {status} Said\r\nx-said: {echoed}\r\nset-cookie: id={echoed}\r\n"
    writer.write(f"{head}content-length: {length or len(body)}\r\n\r\n".encode() + body)


class LiveProxy:
    """The proxy; `flows` has all flows in their order."""

    def __init__(self, master: DumpMaster, port: int) -> None:
        self.master, self.port = master, port
        self.flows: list[http.HTTPFlow] = []

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if flow not in self.flows:
            self.flows.append(flow)

    def command(self, name: str, *arguments: Any) -> Any:
        return self.master.commands.call(name, *arguments)

    async def send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        """Sends a request and returns all bytes until the end of the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        fields = {"host": "localhost", "connection": "close", "content-length": str(len(body)), **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            response = await reader.read()
        writer.close()
        return response

    async def replay(self, flow: http.HTTPFlow) -> None:
        """Sends the flow again, and waits for its end."""
        self.command("replay.client", [flow])
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while flow.live or not (flow.response or flow.error) or self.command("replay.client.count"):
                await asyncio.sleep(0.01)


@asynccontextmanager
async def live_proxy(target: str, routes: Path | None = None, **settings: Any) -> AsyncIterator[LiveProxy]:
    """With all our addons."""
    script = load_script(str(SCRIPT))
    assert script is not None
    if routes is not None:
        settings["routes"] = str(routes)
    async with listening(target, *script.addons, **settings) as proxy:
        yield proxy


@asynccontextmanager
async def listening(target: str, *addons: object, **settings: Any) -> AsyncIterator[LiveProxy]:
    """With these addons alone."""
    master = DumpMaster(
        options.Options(listen_host="127.0.0.1", listen_port=0, mode=[f"reverse:{target}"]),
        with_termlog=False,
        with_dumper=False,
    )
    proxy = LiveProxy(master, 0)
    master.addons.add(*addons, proxy)  # type: ignore[no-untyped-call]
    master.options.update(**settings)
    task = asyncio.create_task(master.run())
    server = master.addons.get("proxyserver")
    assert isinstance(server, Proxyserver)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not server.listen_addrs():
            await asyncio.sleep(0.01)
    proxy.port = server.listen_addrs()[0][1]
    try:
        yield proxy
    finally:
        await server.servers.update([])  # mitmproxy leaves its sockets to the end of the process
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while server.connections:
                await asyncio.sleep(0.01)
        master.shutdown()  # type: ignore[no-untyped-call]
        await task
