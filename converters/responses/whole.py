"""A whole response as a stream, and a stream as a whole response, for hosts that answer in one of these forms alone."""

from collections.abc import Iterator
from typing import Any

from converters import jsontext, sse
from converters.jsontext import Json

_TERMINAL = ("response.completed", "response.incomplete", "response.failed")
_DELTAS = {"output_text": "text", "refusal": "refusal"}


def is_response(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("output"), list)


def as_stream(response: Json) -> list[bytes]:
    """The records of a stream that ends in this response."""
    return [
        sse.encode({"type": event.pop("type"), "sequence_number": number, **event})
        for number, event in enumerate(_events(response))
    ]


def _events(response: Json) -> Iterator[Json]:
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(response["output"]):
        if isinstance(item, dict):
            yield from _item_events(index, item)
    status = response.get("status")
    kind = f"response.{status}" if f"response.{status}" in _TERMINAL else "response.completed"
    yield {"type": kind, "response": response}


def _item_events(index: int, item: Json) -> Iterator[Json]:
    is_message = item.get("type") == "message" and isinstance(item.get("content"), list)
    begun = {**item, "content": []} if is_message else item
    yield {"type": "response.output_item.added", "output_index": index, "item": begun}
    for part_index, part in enumerate(item["content"] if is_message else ()):
        if isinstance(part, dict) and part.get("type") in _DELTAS:
            where = {"item_id": item.get("id"), "output_index": index, "content_index": part_index}
            yield from _part_events(part, where)
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _part_events(part: Json, where: Json) -> Iterator[Json]:
    kind, field = f"response.{part['type']}", _DELTAS[part["type"]]
    text = part.get(field) or ""
    more: Json = {"logprobs": []} if field == "text" else {}
    yield {"type": "response.content_part.added", **where, "part": {**part, field: ""}}
    if text:
        yield {"type": f"{kind}.delta", **where, "delta": text, **more}
    yield {"type": f"{kind}.done", **where, field: text, **more}
    yield {"type": "response.content_part.done", **where, "part": part}


def of_stream(body: bytes) -> Json | None:
    """The response that a stream ends in, with the items that it brought if the end lists none; None without an end.

    An error of a stream that did not come to an end is `{"error": ...}`.
    """
    items: list[Json] = []
    error: Json | None = None
    parser = sse.Parser(None)
    for message in [*parser.feed(body), *parser.close()]:
        match _parsed(message.data):
            case {"type": "response.output_item.done", "item": dict(item)}:
                items.append(item)
            case {"type": kind, "response": dict(response)} if kind in _TERMINAL:
                return response if response.get("output") else {**response, "output": items}
            case {"type": "error", **event}:
                error = {"error": event.get("error") or event}
    return error


def _parsed(data: bytes) -> Any:
    try:
        return jsontext.loads(data)
    except ValueError:
        return None
