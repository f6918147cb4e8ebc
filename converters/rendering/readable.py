"""A request or a response of any protocol here, as text for a person; None where it is neither.

| body                                        | shown by                                               |
|---------------------------------------------|--------------------------------------------------------|
| a stream that one of the protocols knows    | `rendering.response`, by the protocol's decoder        |
| a whole response that one of them knows     | the same                                               |
| a request that one of them knows            | `rendering.request`                                    |
| the response to /responses/compact          | the same                                               |
| an error in any provider's form             | one line, as the client reads it                       |

A stream that broke off shows what came, and that it did.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from converters import errors, jsontext, sse
from converters.jsontext import Json
from converters.losses import Losses
from converters.protocols import PROTOCOLS, RESPONSES, Decoder
from converters.rendering import request
from converters.rendering.layout import SHORT, block, size
from converters.rendering.protocol_rendering import Rendering
from converters.rendering.response import RenderedResponse

_SENDER = "the sender"
_STREAM = "text/event-stream"
_STREAM_STARTS = (b"data:", b"event:", b"id:", b"retry:", b":")
_MARKS = (b'"model"', b'"error"')
_MOST = 32 * 2**20
"""Bytes that are read; more would keep a person waiting."""


def looks_readable(body: bytes, content_type: str = "") -> bool:
    """A cheap guess, for messages that were sent to or by a known endpoint."""
    start = body.lstrip()[:20]
    if start.startswith((b"{", b"[")):
        # The names that are looked for stand anywhere in a body; a search reads 4 MB in a millisecond.
        marks = (mark for protocol in PROTOCOLS.values() for mark in protocol.rendering.marks)
        return any(mark in body for mark in (*_MARKS, *marks))
    return content_type.startswith(_STREAM) or start.startswith(_STREAM_STARTS)


def readable(body: bytes, content_type: str = "", *, is_running: bool = False) -> str | None:
    """`is_running`: more is to come, so that a stream without an end is not cut."""
    try:
        found = _shown(body, content_type, is_running)
        return None if found is None else "\n".join(found).strip("\n") + "\n"
    except Exception:  # other people's bytes, and a person who can look at them raw: nothing may come of a surprise
        return None


def _shown(body: bytes, content_type: str, is_running: bool) -> Iterator[str] | None:
    body = body.lstrip()
    if body.startswith((b"{", b"[")):
        return _body(jsontext.loads(body))
    if content_type.startswith(_STREAM) or body.startswith(_STREAM_STARTS):
        return _stream(body, is_running)
    return None


# --- whole bodies ---


def _body(value: Any) -> Iterator[str] | None:
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None  # Google's errors come in a list
    match value:
        case {"object": "response.compaction", "output": [*items]}:
            return request.conversation(items, PROTOCOLS[RESPONSES].rendering)
        case dict() if name := _first(lambda rendering: rendering.is_request(value)):
            return request.lines(value, name, PROTOCOLS[name].rendering)
        case {"error": error} if error and not _first(lambda rendering: rendering.elements in value):
            return block(f"FAILED: {errors.describe(jsontext.dumps(value))}", SHORT, "")
        case dict() if name := _first(lambda rendering: rendering.is_response(value, "")):
            return _response(value, name)
        case _:
            return None


def _first(holds: Callable[[Rendering], bool]) -> str:
    """The first protocol of whose rendering something holds; empty for none."""
    return next((name for name, protocol in PROTOCOLS.items() if holds(protocol.rendering)), "")


def _response(body: Json, name: str) -> Iterator[str]:
    rendering, decoder = PROTOCOLS[name].rendering, _decoder(name)
    rendered = RenderedResponse(name, rendering.seal_note)
    rendered.feed(decoder.whole(body))
    rendered.feed(decoder.close())
    elements = body.get(rendering.elements)
    return rendered.lines(_unreported(elements if isinstance(elements, list) else [], rendering))


def _decoder(name: str) -> Decoder:
    protocol = PROTOCOLS[name]
    return protocol.decoder(_SENDER, protocol.dialect(), Losses())


def _unreported(elements: Iterable[Any], rendering: Rendering) -> Iterator[Json]:
    """The elements of a response that its decoder leaves out."""
    for element in elements:
        if isinstance(element, dict) and "type" in element and str(element["type"]) not in rendering.reported:
            yield element


# --- streams ---


def _stream(body: bytes, is_running: bool) -> Iterator[str] | None:
    parser = sse.Parser()
    # A record without its blank line may be half of one: then the stream was cut, it is not wrong.
    messages = [*parser.feed(body[:_MOST]), *filter(_is_complete, parser.close())]
    name = next(filter(None, map(_protocol_of, islice(messages, 100))), "")
    if not name:
        return None
    rendering, decoder = PROTOCOLS[name].rendering, _decoder(name)
    rendered = RenderedResponse(name, rendering.seal_note)
    for message in messages:
        rendered.feed(decoder.feed(message))
    if not is_running:
        rendered.feed(decoder.close())
    if len(body) > _MOST:
        rendered.broke(f"only the first {size(_MOST)} of {size(len(body))} are shown")
    return rendered.lines(_unreported(_elements(messages, rendering.element_events), rendering))


def _is_complete(message: sse.Message) -> bool:
    try:
        jsontext.loads(message.data)
    except ValueError:
        return not message.data.startswith(b"{")
    return True


def _protocol_of(message: sse.Message) -> str:
    """The protocol of a record; empty for none."""
    try:
        value = jsontext.loads(message.data)
    except ValueError:
        return ""
    is_record = isinstance(value, dict)
    return _first(lambda rendering: rendering.is_response(value, message.event)) if is_record else ""


def _elements(messages: list[sse.Message], element_events: Mapping[bytes, str]) -> Iterator[Any]:
    for message in messages:
        for mark, key in element_events.items():
            if mark in message.event.encode() or mark in message.data[:100]:
                try:
                    yield jsontext.loads(message.data).get(key)
                except (ValueError, AttributeError):
                    continue
