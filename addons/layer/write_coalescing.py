"""What one read brings is converted at once and goes out in one write.

mitmproxy passes each chunk of a chunked body on by itself, with a system call for each. Many chunks come in one read
when an upstream is fast, and the calls then cost more than the conversion. All commands that an event leads to are
carried out before the next event, so joining what goes to the same connection delays next to nothing.
"""

from typing import Any

from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import HttpLayer

USES: dict[Any, tuple[str, ...]] = {HttpLayer: ("event_to_child", "streams")}

_MAX_HELD_BYTES = 1 << 14  # the first output of a large read does not wait for its last

_handle_event = HttpLayer._handle_event


class ReadEnded(events.Event):
    """A stream has got all that one read brought."""


def is_applied() -> bool:
    """Whether streams get `ReadEnded`; else they convert each piece as it comes."""
    return HttpLayer._handle_event is handle_event


def handle_event(self: HttpLayer, event: events.Event) -> CommandGenerator[None]:
    """`HttpLayer._handle_event`, with neighbouring writes to one connection joined."""
    held: list[commands.SendData] = []
    size = 0
    for command in _commands_of_one_read(self, event):
        write = command if isinstance(command, commands.SendData) else None
        if held and (write is None or write.connection is not held[0].connection or size > _MAX_HELD_BYTES):
            yield _joined(held)
            held, size = [], 0
        if write is None:
            yield command
        else:
            held.append(write)
            size += len(write.data)
    if held:
        yield _joined(held)


def _commands_of_one_read(self: HttpLayer, event: events.Event) -> CommandGenerator[None]:
    """What the event leads to, and then its end.

    What raises leaves a connection in a state that nobody knows: its client reads all that came before, and does not
    wait. That its connection is closed is no write, so what is held goes out before.
    """
    error: Exception | None = None
    for part in (_handle_event(self, event), _read_end(self)):
        try:
            yield from part
        except Exception as raised:  # the boundary to all of a connection
            error = error or raised
    if error is not None:
        yield commands.CloseConnection(self.context.client)
        raise error  # mitmproxy logs it


def _read_end(self: HttpLayer) -> CommandGenerator[None]:
    for stream in tuple(self.streams.values()):  # one whose attempt runs is in there twice
        if getattr(stream, "has_unread", False):
            yield from self.event_to_child(stream, ReadEnded())


def _joined(writes: list[commands.SendData]) -> commands.SendData:
    if len(writes) == 1:
        return writes[0]
    return commands.SendData(writes[0].connection, b"".join(write.data for write in writes))
