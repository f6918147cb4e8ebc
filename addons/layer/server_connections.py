"""A connection that its peer resets while it is being made is one that could not be made.

mitmproxy asserts that a new connection has a peer. That is not so where the reset came first: the task that makes the
connection ends there, and whoever waits for it waits for ever.
"""

from typing import Any

from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events, server_hooks
from mitmproxy.proxy.server import ConnectionHandler

USES: dict[Any, tuple[str, ...]] = {ConnectionHandler: ("transports", "client", "handle_hook", "server_event")}

_RESET = "connection reset by peer"

_mitmproxys = ConnectionHandler.open_connection


async def open_connection(self: ConnectionHandler, command: commands.OpenConnection) -> None:
    """`ConnectionHandler.open_connection`, which always tells the end of it."""
    try:
        await _mitmproxys(self, command)
    except (AssertionError, TypeError):  # TypeError: of the same line, with python -O
        if command.connection.peername is not None:
            raise
        await _fail(self, command)


async def _fail(handler: ConnectionHandler, command: commands.OpenConnection) -> None:
    server = command.connection
    transport = handler.transports.pop(server, None)
    if transport is not None and transport.writer is not None:
        transport.writer.close()
    server.state, server.error = ConnectionState.CLOSED, _RESET
    await handler.handle_hook(
        server_hooks.ServerConnectErrorHook(server_hooks.ServerConnectionHookData(server, handler.client))
    )
    await handler.server_event(events.OpenConnectionCompleted(command, _RESET))
