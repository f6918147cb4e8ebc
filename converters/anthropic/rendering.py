"""Anthropic Messages, as far as rendering has to know it."""

from collections.abc import Iterator

from converters.jsontext import Json
from converters.rendering.protocol_rendering import Rendering

_EVENTS = {"message_start", "message_delta", "message_stop", "ping", "error"}
_FIRST_MESSAGES = 20


def _is_request(body: Json) -> bool:
    """By what only these requests have; a bare one is the same in Chat Completions."""
    if not any(_objects(body, "messages")):
        return False
    if "system" in body or any("input_schema" in tool for tool in _objects(body, "tools")):
        return True
    messages = list(_objects(body, "messages"))[:_FIRST_MESSAGES]
    kinds = (str(block.get("type")) for message in messages for block in _objects(message, "content"))
    return any(kind.endswith(("tool_use", "tool_result", "thinking")) for kind in kinds)


def _is_response(value: Json, event: str) -> bool:
    kind = str(value.get("type") or event)
    is_whole = kind == "message" and isinstance(value.get("content"), list)
    return is_whole or kind in _EVENTS or kind.startswith("content_block_")


def _objects(body: Json, key: str) -> Iterator[Json]:
    value = body.get(key)
    yield from (element for element in value if isinstance(element, dict)) if isinstance(value, list) else ()


RENDERING = Rendering(
    _is_request,
    _is_response,
    conversation="messages",
    instructions="system",
    marks=(b'"messages"',),
    elements="content",
    element_events={b"content_block_start": "content_block"},
    reported=frozenset(("text", "thinking", "redacted_thinking", "tool_use")),
    seal_note=lambda _: "[signed]",
)
