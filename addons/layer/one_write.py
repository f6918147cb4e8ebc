"""What one read brings is converted at once and goes out in one write.

mitmproxy passes each chunk of a chunked body on by itself, with a system call for each. Many chunks come in one read
when an upstream is fast, and the calls then cost more than the conversion. All commands that an event leads to are
carried out before the next event, so joining what goes to the same connection delays next to nothing.
"""

from itertools import chain

from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import HttpLayer

_MOST = 1 << 14  # bytes held back: the first words of a large read are not to wait for its last

_handle_event = HttpLayer._handle_event


class ReadOver(events.Event):
    """Tells a stream that it has all that one read brought."""


def handle_event(self: HttpLayer, event: events.Event) -> CommandGenerator[None]:
    """`HttpLayer._handle_event`, with neighbouring writes to one connection joined.

    What raises leaves a connection in a state that nobody knows: its client reads what was said, and does not wait.
    """
    held: list[commands.SendData] = []
    size = 0
    try:
        for command in chain(_handle_event(self, event), _read_over(self)):
            is_write = isinstance(command, commands.SendData)
            if held and not (is_write and held[0].connection is command.connection and size <= _MOST):
                yield _joined(held)
                held, size = [], 0
            if is_write:
                held.append(command)
                size += len(command.data)
            else:
                yield command
    except Exception:  # the boundary to all of a connection; mitmproxy logs it
        if held:
            yield _joined(held)
        yield commands.CloseConnection(self.context.client)
        raise
    if held:
        yield _joined(held)


def _read_over(self: HttpLayer) -> CommandGenerator[None]:
    for stream in tuple(self.streams.values()):  # one whose attempt runs is in there twice
        if getattr(stream, "has_unread", False):
            yield from self.event_to_child(stream, ReadOver())


def _joined(writes: list[commands.SendData]) -> commands.SendData:
    if len(writes) == 1:
        return writes[0]
    return commands.SendData(writes[0].connection, b"".join(write.data for write in writes))
