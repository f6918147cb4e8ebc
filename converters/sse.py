"""Bytes <-> server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from dataclasses import dataclass

from converters import jsontext
from converters.jsontext import Json


@dataclass(frozen=True, slots=True)
class Message:
    """One record of a stream: `event` is "" where no such line came, `data` the data lines joined by newlines."""

    event: str
    data: bytes


class Parser:
    """Cuts a stream into messages, wherever the network cuts its bytes; comments, ids and retries are left out."""

    def __init__(self) -> None:
        self._tail = b""

    def feed(self, data: bytes) -> list[Message]:
        raise NotImplementedError

    def close(self) -> list[Message]:
        """The last message, if its blank line never came."""
        raise NotImplementedError


def encode(event: Json) -> bytes:
    """A Responses event as its record; the type stands on the event line too, as OpenAI sends it."""
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), jsontext.dumps(event))
