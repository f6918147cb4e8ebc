"""What Anthropic refuses, as complaints about a request: its published types and the rules that types cannot say."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from anthropic.types.message_create_params import MessageCreateParamsStreaming
from pydantic import TypeAdapter

from converters.jsontext import Json

_TYPES = TypeAdapter(MessageCreateParamsStreaming)
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_THINKING = {"thinking", "redacted_thinking"}


def follows_the_types(body: Json) -> None:
    """Raises pydantic's ValidationError; iterables are checked lazily, hence the walk."""
    # Older models take them, but the package's types, of the newest ones, know them no more.
    known = {name: value for name, value in body.items() if name not in ("temperature", "top_p")}
    _exhaust(_TYPES.validate_python(known, extra="forbid"))


def _exhaust(value: Any) -> None:
    if isinstance(value, dict):
        for element in value.values():
            _exhaust(element)
    elif isinstance(value, Iterable) and not isinstance(value, str):
        for element in value:
            _exhaust(element)


def complaints(body: Json) -> list[str]:
    return [*_roles(body["messages"]), *_texts(body), *_calls(body), *_order(body["messages"]), *_marks(body)]


def _roles(messages: list[Json]) -> Iterator[str]:
    roles = [message["role"] for message in messages]
    if roles != ["user" if index % 2 == 0 else "assistant" for index in range(len(roles))]:
        yield f"user and assistant do not take turns: {roles}"
    if not roles or roles[-1] != "user":
        yield "the last message is not the user's"


def _texts(body: Json) -> Iterator[str]:
    for message in body["messages"]:
        if not message["content"]:
            yield "an empty message"
    for block in every_block(body):
        if block["type"] == "text" and not block["text"].strip():
            yield "a blank text"
        if block["type"] == "tool_result" and block["content"] == []:
            yield "an empty list as a result"


def every_block(body: Json) -> Iterator[Json]:
    yield from body.get("system", [])
    for message in body["messages"]:
        for block in message["content"]:
            yield block
            if isinstance(block.get("content"), list):
                yield from block["content"]


def _calls(body: Json) -> Iterator[str]:
    seen: set[str] = set()
    result: list[str] = []
    for message in body["messages"]:
        answered = [block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"]
        if answered != result:
            yield f"asked {result}, answered {answered}"
        result = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
        for id_ in result:
            if id_ in seen or not _ID.fullmatch(id_):
                yield f"a bad or repeated id {id_!r}"
            seen.add(id_)
    names = [tool["name"] for tool in body.get("tools", [])]
    if len(set(names)) != len(names) or not all(map(_NAME.fullmatch, names)):
        yield f"bad or repeated names of tools: {names}"
    if seen and not names:
        yield "calls, but no tools"
    if "tool_choice" in body and not names:
        yield "a choice, but no tools"


def _order(messages: list[Json]) -> Iterator[str]:
    for message in messages:
        ranks = [_rank(block["type"]) for block in message["content"]]
        if ranks != sorted(ranks):
            yield f"blocks out of order: {[block['type'] for block in message['content']]}"
        if message["content"][-1]["type"] in _THINKING:
            yield "a message that ends in thinking"


def _rank(kind: str) -> int:
    """thinking, text, tool_use; and on the user's side results before all else."""
    return 0 if kind in _THINKING or kind == "tool_result" else 2 if kind == "tool_use" else 1


def _marks(body: Json) -> Iterator[str]:
    marked = [element for element in [*body.get("tools", []), *every_block(body)] if "cache_control" in element]
    if len(marked) > 4:
        yield f"{len(marked)} breakpoints"
    if any(element.get("type") in _THINKING for element in marked):
        yield "a breakpoint on thinking"
