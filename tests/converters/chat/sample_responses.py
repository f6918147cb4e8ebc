"""Chat responses, small enough to read, and their events."""

from typing import Any

from converters import jsontext, seal, sse
from converters.chat.dialect import ChatDialect
from converters.chat.response import FAMILY, ChatDecoder
from converters.events import CallDelta, CallStarted, Event, ReasoningSealed
from converters.jsontext import Json

DONE = sse.Message("", b"[DONE]")


def chunk(delta: Json | None = None, finish: str | None = None, **fields: Any) -> sse.Message:
    choices = [{"index": 0, "delta": delta or {}, "finish_reason": finish}]
    return message({"id": "chatcmpl-1", "model": "glm-5.2", "choices": choices, **fields})


def message(body: Any, event: str = "") -> sse.Message:
    return sse.Message(event, jsontext.dumps(body))


def decoded(*messages: sse.Message, **flags: Any) -> list[Event]:
    """All events of a response, the end included."""
    decoder = ChatDecoder("Zed", ChatDialect(**flags))
    return [event for element in messages for event in decoder.feed(element)] + decoder.close()


def content_events(*messages: sse.Message, **flags: Any) -> list[Event]:
    """The events between the start and the end of a response that stops in an orderly way."""
    events = decoded(*messages, chunk(finish="stop"), DONE, **flags)
    return events[1:-1]


def entry(index: int | None = 0, id: str | None = None, name: str | None = None, arguments: Any = None) -> Json:
    """One of `tool_calls`, without what is None."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    fields = {"index": index, "id": id, "function": function}
    return {key: value for key, value in fields.items() if value is not None}


def calling(*entries: Json) -> sse.Message:
    return chunk({"tool_calls": list(entries)})


def calls(events: list[Event]) -> list[tuple[str, str, str]]:
    """Each call's id, name and arguments."""
    found: dict[str, tuple[str, str]] = {}
    for event in events:
        if isinstance(event, CallStarted):
            found[event.call_id] = (event.name, "")
        elif isinstance(event, CallDelta):
            name, arguments = found[event.call_id]
            found[event.call_id] = (name, arguments + event.arguments)
    return [(call_id, *told) for call_id, told in found.items()]


def seals(events: list[Event]) -> list[Any]:
    return [seal.unwrap(FAMILY, event.seal) for event in events if isinstance(event, ReasoningSealed)]
