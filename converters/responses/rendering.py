"""The Responses API, as far as rendering has to know it."""

from converters.jsontext import Json
from converters.rendering import parts
from converters.rendering.protocol_rendering import Rendering


def _is_request(body: Json) -> bool:
    match body:
        case {"model": _, "input": str() | list()}:
            return body.get("object") != "response"
        case _:
            return False


def _is_response(value: Json, event: str) -> bool:
    kind = str(value.get("type") or event)
    is_error = kind == "error" and "sequence_number" in value
    return kind.startswith("response.") or value.get("object") == "response" or is_error


RENDERING = Rendering(
    _is_request,
    _is_response,
    conversation="input",
    instructions="instructions",
    marks=(b'"response.compaction"',),
    elements="output",
    element_events={b"output_item.done": "item"},
    reported=frozenset(("message", "reasoning", "function_call", "custom_tool_call", "tool_search_call")),
    seal_note=parts.sealed,
)
