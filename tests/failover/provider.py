"""A provider of one scenario: good, or with one fault."""

import asyncio
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Literal

from mitmproxy.certs import CertStore

from tests.e2e import write_anthropic, write_chat
from tests.e2e.scripted_response import Call, Json, ModelResponse, Text
from tests.e2e.scripted_upstream import ReceivedRequest
from tests.e2e.upstream_messages import messages_of, tool_names
from tests.failover.faults import Fault
from tests.faults.faulty_upstream import Connection
from tests.faults.good_response import PATHS, GoodResponse, good_response

_WRITERS: dict[str, ModuleType] = {"chat": write_chat, "anthropic": write_anthropic}

type Cure = Literal["time", "key"] | None

KEYS = ("first-key-of-the-suite", "second-key-of-the-suite")

_TOOL = "exec_command"
COMMAND = "echo once >> lines"
"""What the model has Codex run: a call that is released twice leaves two lines."""


FEW_WORDS = ", which takes a few words"
"""So that a text can break off in its middle."""


@dataclass
class Provider:
    """It listens on a port of its own, so that it counts what one scenario sends to it.

    Its fault may have a cure: `time`, it strikes once, or for as long as it asks to wait; `key`, it is the first key's.
    """

    name: str
    protocol: str
    fault: Fault | None = None
    cure: Cure = None
    port: int = 0
    requests: int = 0
    struck_at: float | None = None
    """When the fault first struck; the clock is monotonic."""

    @property
    def role(self) -> str:
        """`first` or `second`."""
        return self.name.partition("-")[0]

    @property
    def base_url(self) -> str:
        return (self.fault.address if self.fault else "http://127.0.0.1:{port}/v1").format(port=self.port)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.fault and self.fault.accept and self._strikes():
                await self.fault.accept(reader, writer)
            else:
                while await self._respond(reader, writer):
                    pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the proxy left, or was made to, or all is over
        finally:
            writer.close()

    def _strikes(self, head: str = "") -> bool:
        """Whether the fault is there, for who asks now and so."""
        if self.fault is None:
            return False
        if self.cure == "key":
            return KEYS[0] in head
        if self.struck_at is None:
            self.struck_at = time.monotonic()
            return True
        # Half a second less: who waits as long as it was told must not be refused again for a clock's fraction.
        return self.cure is None or time.monotonic() < self.struck_at + self.fault.wait - 0.5

    async def _respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """To one request; whether the connection may be used again."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:"))
        body = json.loads(await reader.readexactly(length))
        self.requests += 1
        connection = Connection(reader, writer, self.protocol, stream=True)
        connection.good_response = self._good_response(body)
        if self.fault is None or not self._strikes(head):
            await connection.respond(*connection.good_response.pieces, connection.good_response.last)
            return True
        await self.fault.play(connection)
        return False

    def _good_response(self, body: Json) -> GoodResponse:
        """Where the client has Codex's tool: first a call, and after its output the end of the turn."""
        request = ReceivedRequest(PATHS[self.protocol], {}, body)
        has_output = any(message.role == "output" for message in messages_of(request))
        calls = [Call(_TOOL, {"cmd": COMMAND})] if _TOOL in tool_names(request) and not has_output else []
        text = Text(f"{self.role} {'calls a tool' if calls else 'has the answer'}{FEW_WORDS}")
        records = _records(self.protocol, body, ModelResponse(text, *calls, ending="silence"))
        whole = _records(self.protocol, body, ModelResponse(text, *calls))
        broken = good_response(self.protocol, stream=True)
        return replace(broken, pieces=records, last=b"".join(whole[len(records) :]))


def _records(protocol: str, body: Json, response: ModelResponse) -> list[bytes]:
    ids = [f"call_{number}" for number, piece in enumerate(response.pieces) if isinstance(piece, Call)]
    return list(_WRITERS[protocol].stream(response, body, 1, ids))


@asynccontextmanager
async def serving(providers: list[Provider], folder: Path) -> AsyncIterator[None]:
    """All of them; `folder` gets the certificate that nobody knows."""
    CertStore.from_store(folder, "unknown", 2048)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "unknown-ca.pem")
    async with AsyncExitStack() as stack:
        for provider in providers:
            await _serve(provider, context, stack)
        yield


async def _serve(provider: Provider, context: ssl.SSLContext, stack: AsyncExitStack) -> None:
    if provider.fault and not provider.fault.listens:
        bound = stack.enter_context(socket.socket())
        bound.bind(("127.0.0.1", 0))
        provider.port = bound.getsockname()[1]
        return
    tls = context if provider.fault and provider.fault.tls else None
    server = await asyncio.start_server(provider.accept, "127.0.0.1", 0, ssl=tls)
    provider.port = server.sockets[0].getsockname()[1]
    stack.callback(server.close_clients)
    stack.callback(server.close)
