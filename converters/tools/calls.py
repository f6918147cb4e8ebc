"""Calls of tools: those of the history lowered to calls of functions, and the model's lifted to what Codex knows."""

import re
from typing import Any

from converters import jsontext
from converters.jsontext import Json
from converters.responses import wire
from converters.tools.names import INPUT, TOOL_SEARCH, flat_name
from converters.tools.offer import Function

# --- the history's calls ---


def lower_call(call: wire.CallItem) -> tuple[str, str]:
    """A call of the history as the function's name and its arguments, JSON text of an object."""
    match call:
        case wire.FunctionCallItem():
            return flat_name(call.name, call.namespace), object_text(call.arguments)
        case wire.CustomCallItem():
            return flat_name(call.name, call.namespace), jsontext.dumps({INPUT: call.input}).decode()
        case wire.ToolSearchCallItem():
            given = call.arguments
            text = given if isinstance(given, str) else jsontext.dumps(given or {}).decode()
            return TOOL_SEARCH, object_text(text)


MALFORMED = "malformed_arguments"
"""The key under which arguments that are no JSON object are sent back to the model that wrote them."""


def object_text(arguments: str) -> str:
    """Arguments as the text of a JSON object; unchanged where they are one, so that the prefix stays cached."""
    if not arguments.strip():
        return "{}"
    value = parse_object(arguments)
    return arguments if value is not None else jsontext.dumps({MALFORMED: arguments}).decode()


def parse_object(arguments: str) -> Json | None:
    """The object in a call's arguments: empty means no arguments, anything that is not an object is None."""
    if not arguments.strip():
        return {}
    try:
        value = jsontext.loads(arguments)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def is_whole_object(arguments: str) -> bool:
    """Whether arguments show by themselves that nothing of them is missing: half an object is none."""
    return bool(arguments.strip()) and parse_object(arguments) is not None


# --- what the model calls ---


def lift(function: Function | None, name: str, call_id: str, arguments: str) -> Json:
    """The item of a finished call but for `id` and `status`. An unknown tool stays a function call for Codex."""
    if function is None:
        return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments or "{}"}
    where = {"namespace": function.namespace} if function.namespace else {}
    match function.kind:
        case "custom":
            text = unwrap_text(arguments)
            return {"type": "custom_tool_call", "call_id": call_id, "name": function.original, **where, "input": text}
        case "tool_search":
            found = parse_object(arguments)
            asked = {"query": arguments} if found is None else found
            return {"type": "tool_search_call", "call_id": call_id, "execution": "client", "arguments": asked}
        case "function":
            text = _integers(function.parameters, arguments) or "{}"
            return {"type": "function_call", "call_id": call_id, "name": function.original, **where, "arguments": text}


_FENCE = re.compile(r"\A\s*```[\w-]*\n(.*?)\n?```\s*\Z", re.DOTALL)
_TEXT_KEYS = (INPUT, "patch", "content", "code", "cmd", "command", "text", "arguments")


def unwrap_text(arguments: str) -> str:
    """The text in a lowered custom tool's arguments, however the model wrapped it."""
    value = _wrapped(arguments)
    found = _FENCE.match(value)
    return found.group(1) + "\n" if found else value


def _wrapped(arguments: str) -> str:
    try:
        value = jsontext.loads(arguments)
    except ValueError:
        return arguments
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        for key in _TEXT_KEYS:
            if isinstance(value.get(key), str):
                return str(value[key])
        if len(value) == 1 and isinstance(only := next(iter(value.values())), str):
            return only
    return arguments


def _integers(schema: Json, arguments: str) -> str:
    """Arguments in which 10.0 is 10 where the schema wants an integer (Codex refuses the float); else unchanged."""
    if ".0" not in arguments:
        return arguments
    value = parse_object(arguments)
    if value is None:
        return arguments
    fixed = _as_declared(schema, value)
    return arguments if fixed == value and str(fixed) == str(value) else jsontext.dumps(fixed).decode()


_EXACT = 2**53
"""Above this a float is no longer one certain integer."""


def _as_declared(schema: Any, value: Any) -> Any:
    if not isinstance(schema, dict):
        return value
    match value:
        case float() if value.is_integer() and abs(value) < _EXACT and schema.get("type") == "integer":
            return int(value)
        case dict():
            known = schema.get("properties")
            if not isinstance(known, dict):
                return value
            return {key: _as_declared(known.get(key), element) for key, element in value.items()}
        case list():
            return [_as_declared(schema.get("items"), element) for element in value]
        case _:
            return value
