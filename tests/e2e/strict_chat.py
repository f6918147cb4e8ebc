"""What the providers of Chat Completions refuse, in their own words.

`openai`'s request types are the schema; the rest are rules that no schema holds. Two vendors:
`openai` (no thinking on this protocol) and `deepseek` (thinking goes back, word for word).
"""

import itertools
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import TypeAdapter, ValidationError

from tests.e2e.scripted_response import Json

type Vendor = Literal["openai", "deepseek"]

_SCHEMA = TypeAdapter(CompletionCreateParamsStreaming)
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_EXTRAS: dict[Vendor, tuple[set[str], set[str]]] = {
    "openai": (set(), set()),
    "deepseek": ({"thinking"}, {"reasoning_content"}),
}
"""What a vendor takes beyond OpenAI's types: keys of the body, keys of an assistant message."""


def exhaust(value: Any) -> None:
    """Walk all of a validated value: pydantic checks an `Iterable` only when it is read."""
    if isinstance(value, dict):
        for item in value.values():
            exhaust(item)
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for item in value:
            exhaust(item)


def against_schema(schema: TypeAdapter[Any], body: Json) -> str | None:
    try:
        exhaust(schema.validate_python(body, extra="forbid"))
    except ValidationError as error:
        return f"Invalid body: {str(error)[:3000]}"
    return None


def refusal(body: Json, vendor: Vendor, thoughts: dict[str, str]) -> str | None:
    """The provider's complaint, None where it would answer. `thoughts`: call id -> the thinking that came before it."""
    rules = [_schema(body, vendor), _tools(body), _roles(body), _assistants(body), _outputs(body)]
    if vendor == "deepseek":
        rules.append(_thinking(body, thoughts))
    return next(itertools.chain.from_iterable(rules), None)


def _schema(body: Json, vendor: Vendor) -> Iterator[str]:
    top, assistant_keys = _EXTRAS[vendor]
    plain = {key: value for key, value in body.items() if key not in top}
    plain["messages"] = [
        {
            key: value
            for key, value in message.items()
            if message.get("role") != "assistant" or key not in assistant_keys
        }
        for message in body.get("messages", [])
    ]
    if error := against_schema(_SCHEMA, plain):
        yield error
    for key, value in body.items():
        if value is None:
            yield f"Invalid type for '{key}': expected a value, but got null instead."


def _tools(body: Json) -> Iterator[str]:
    tools = body.get("tools")
    if tools is None:
        for key in ("tool_choice", "parallel_tool_calls"):
            if key in body:
                yield f"'{key}' is only allowed when 'tools' are specified."
        return
    if not tools:
        yield "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead."
    names = [tool["function"]["name"] for tool in tools]
    for index, tool in enumerate(tools):
        name, parameters = names[index], tool["function"].get("parameters", {"type": "object"})
        if not _NAME.fullmatch(name):
            yield f"Invalid 'tools[{index}].function.name': string does not match pattern. Expected ^[a-zA-Z0-9_-]+$."
        if names.count(name) > 1:
            yield f"Invalid 'tools': function name {name} is not unique."
        yield from schema_complaints(name, parameters)


def schema_complaints(name: str, parameters: Json) -> Iterator[str]:
    if parameters.get("type") != "object":
        yield f"Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"'."
    if {"anyOf", "oneOf", "allOf", "enum", "not"} & parameters.keys():
        yield f"Invalid schema for function '{name}': 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level."
    if re.search(r'"encrypted": (true|false)', json.dumps(parameters)):
        yield f"Invalid schema for function '{name}': unknown keyword 'encrypted'."


def _roles(body: Json) -> Iterator[str]:
    messages = body["messages"]
    for index, message in enumerate(messages):
        if message["role"] == "developer":
            yield f"messages[{index}].role: unknown variant `developer`, expected `system`, `user`, `assistant`, `tool`"
        if message["role"] == "system" and index:
            yield "System message must be at the beginning."
        if message["role"] != "assistant" and not message.get("content"):
            yield f"Invalid 'messages[{index}].content': empty."
    if messages[-1]["role"] not in ("user", "tool"):
        yield "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"


def _assistants(body: Json) -> Iterator[str]:
    seen: set[str] = set()
    for index, message in enumerate(body["messages"]):
        if message["role"] != "assistant":
            continue
        if not message.get("content") and not message.get("tool_calls"):
            yield "Invalid assistant message: content or tool_calls must be set"
        if not isinstance(message.get("content"), str | None):
            yield f"Invalid type for 'messages[{index}].content': expected a string."
        if message.get("tool_calls") == []:
            yield f"Invalid 'messages[{index}].tool_calls': empty array."
        for call in message.get("tool_calls") or []:
            yield from _call(call, index, seen)


def _call(call: Json, index: int, seen: set[str]) -> Iterator[str]:
    where = f"messages[{index}].tool_calls"
    if call["id"] in seen or not call["id"]:
        yield f"Invalid '{where}': duplicate or empty id {call['id']!r}."
    seen.add(call["id"])
    if not _NAME.fullmatch(call["function"]["name"]):
        yield f"Invalid '{where}.function.name': string does not match pattern. Expected ^[a-zA-Z0-9_-]+$."
    try:
        arguments = json.loads(call["function"]["arguments"])
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        yield f"Invalid '{where}.function.arguments': the model's arguments must be a JSON object."


def _outputs(body: Json) -> Iterator[str]:
    waiting: list[str] = []
    for index, message in enumerate(body["messages"]):
        if message["role"] == "tool":
            if not isinstance(message["content"], str):
                yield f"messages[{index}].content: invalid type: sequence, expected a string"
            if message["tool_call_id"] not in waiting:
                yield "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
                continue
            if message["tool_call_id"] != waiting.pop(0):
                yield f"messages[{index}]: tool results must be in the order of the tool calls."
        elif waiting:
            yield _unanswered(waiting)
            waiting = []
        if message["role"] == "assistant":
            waiting = [call["id"] for call in message.get("tool_calls") or []]
    if waiting:
        yield _unanswered(waiting)


def _unanswered(ids: list[str]) -> str:
    return (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {', '.join(ids)}"
    )


def _thinking(body: Json, thoughts: dict[str, str]) -> Iterator[str]:
    """DeepSeek in thinking mode: every assistant message carries its thinking, exact or empty, never made up."""
    if body.get("thinking", {}).get("type") != "enabled":
        return
    if "tool_choice" in body:
        yield "Thinking mode does not support this tool_choice"
    for message in body["messages"]:
        if message["role"] != "assistant":
            continue
        given = message.get("reasoning_content")
        calls = message.get("tool_calls") or []
        if given is None:
            yield "Missing `reasoning_content` field in the assistant message at message index"
            continue
        if given and given not in thoughts.values():
            yield "The `reasoning_content` in the thinking mode must be passed back to the API."
        for call in calls:
            if given != thoughts.get(call["id"], ""):
                yield "The `reasoning_content` in the thinking mode must be passed back to the API."
