"""What one read brings is converted at once and goes out in one write.

mitmproxy passes each chunk of a chunked body on by itself, with a system call for each. Many chunks come in one read
when an upstream is fast, and the calls then cost more than the conversion. All commands that an event leads to are
carried out before the next event, so joining what goes to the same connection delays next to nothing.
"""

from mitmproxy.connection import Connection
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import HttpLayer, HttpStream

_MOST = 1 << 14  # bytes held back: the first words of a large read are not to wait for its last

_handle_event = HttpLayer._handle_event


class ReadOver(events.Event):
    """Tells a stream that it has all that one read brought."""


def handle_event(self: HttpLayer, event: events.Event) -> CommandGenerator[None]:
    """`HttpLayer._handle_event`, with neighbouring writes to one connection joined.

    What raises leaves a connection in a state that nobody knows: its client reads what was said, and does not wait.
    """
    held = _Held()
    try:
        for command in _commands(self, event):
            if not isinstance(command, commands.SendData):
                yield from held.release()
                yield command
                continue
            if held.connection is not command.connection or held.size > _MOST:
                yield from held.release()
            held.add(command)
    except Exception:  # the boundary to all of a connection; mitmproxy logs it
        yield from held.release()
        yield commands.CloseConnection(self.context.client)
        raise
    yield from held.release()


def _commands(self: HttpLayer, event: events.Event) -> CommandGenerator[None]:
    yield from _handle_event(self, event)
    for stream in [stream for stream in self.streams.values() if _has_unread(stream)]:
        yield from self.event_to_child(stream, ReadOver())


def _has_unread(stream: HttpStream) -> bool:
    return getattr(stream, "has_unread", False)


class _Held:
    """Neighbouring writes to one connection."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.size = 0
        self._pieces: list[bytes] = []

    def add(self, command: commands.SendData) -> None:
        self.connection = command.connection
        self.size += len(command.data)
        self._pieces.append(command.data)

    def release(self) -> CommandGenerator[None]:
        if self.connection is not None:
            yield commands.SendData(self.connection, b"".join(self._pieces))
            self.connection, self.size, self._pieces = None, 0, []
