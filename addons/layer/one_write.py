"""What one read brings goes out in one write.

mitmproxy passes each chunk of a chunked body on by itself, with a system call for each. Many chunks come in one read
when an upstream is fast, and the calls then cost more than the conversion. All commands that an event leads to are
carried out before the next event, so joining what goes to the same connection delays nothing.
"""

from mitmproxy.connection import Connection
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import HttpLayer

_handle_event = HttpLayer._handle_event


def handle_event(self: HttpLayer, event: events.Event) -> CommandGenerator[None]:
    """`HttpLayer._handle_event`, with neighbouring writes to one connection joined."""
    waiting: list[bytes] = []
    connection: Connection | None = None
    for command in _handle_event(self, event):
        if isinstance(command, commands.SendData) and command.connection is connection:
            waiting.append(command.data)
            continue
        if waiting and connection is not None:
            yield commands.SendData(connection, b"".join(waiting))
            waiting, connection = [], None
        if isinstance(command, commands.SendData):
            waiting, connection = [command.data], command.connection
        else:
            yield command
    if waiting and connection is not None:
        yield commands.SendData(connection, b"".join(waiting))
