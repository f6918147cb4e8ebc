"""What the Messages API refuses, in its own words. `anthropic`'s request types are the schema."""

import base64
import binascii
import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from anthropic.types.message_create_params import MessageCreateParamsStreaming
from pydantic import TypeAdapter

from tests.e2e.scripted_response import Json
from tests.e2e.strict_chat import against_schema, schema_complaints

_SCHEMA = TypeAdapter(MessageCreateParamsStreaming)
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_IMAGES = {"image/jpeg", "image/png", "image/gif", "image/webp"}


def refusal(body: Json, headers: Mapping[str, str], issued: dict[str, str]) -> str | None:
    """The API's complaint, None where it would answer. `issued`: signature -> the thinking that it signs."""
    if not re.fullmatch(r"20\d\d-\d\d-\d\d", headers.get("anthropic-version", "")):
        return "anthropic-version: header is required"
    if error := against_schema(_SCHEMA, body):
        return error
    rules = (_order(body), _texts(body), _calls(body), _tools(body), _cache(body), _thinking(body, issued))
    return next(itertools.chain.from_iterable(rules), None)


def blocks(message: Json) -> list[Json]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _order(body: Json) -> Iterator[str]:
    roles = [message["role"] for message in body["messages"]]
    if set(roles) - {"user", "assistant"}:
        yield f"messages: Unexpected role in {roles}. The Messages API accepts a top-level `system` parameter."
    if not roles or roles[0] != "user":
        yield 'messages: first message must use the "user" role'
    if any(previous == following for previous, following in itertools.pairwise(roles)):
        yield 'messages: roles must alternate between "user" and "assistant", but found multiple in a row'
    if roles and roles[-1] != "user":
        yield "This model does not support assistant message prefill. The conversation must end with a user message."


def _texts(body: Json) -> Iterator[str]:
    if "system" in body and not body["system"]:
        yield "system: must be non-empty"
    system = body.get("system") or []
    every = [] if isinstance(system, str) else list(system)
    for message in body["messages"]:
        every += blocks(message)
        every += [inner for block in blocks(message) for inner in result_blocks(block)]
        if not blocks(message):
            yield "messages: content must be non-empty"
    for block in every:
        if block["type"] == "text" and not block["text"].strip():
            yield "messages: text content blocks must contain non-whitespace text"
        if block["type"] == "image":
            yield from _image(block["source"])


def result_blocks(block: Json) -> list[Json]:
    """The blocks inside a tool result; none where its content is a text."""
    content = block.get("content") if block["type"] == "tool_result" else None
    return content if isinstance(content, list) else []


def _image(source: Json) -> Iterator[str]:
    if source["type"] != "base64":
        return
    if source["media_type"] not in _IMAGES:
        yield f"image.source.media_type: {source['media_type']} is not supported"
    try:
        base64.b64decode(source["data"], validate=True)
    except binascii.Error:
        yield "image.source.data: The image was not base64"


def _calls(body: Json) -> Iterator[str]:
    seen: set[str] = set()
    open_ids: list[str] = []
    for message in body["messages"]:
        if message["role"] == "user":
            yield from _results(blocks(message), open_ids)
            open_ids = []
            continue
        open_ids = [block["id"] for block in blocks(message) if block["type"] == "tool_use"]
        kinds = [block["type"] for block in blocks(message)]
        if "tool_use" in kinds and set(kinds[kinds.index("tool_use") :]) != {"tool_use"}:
            yield "messages: `tool_use` ids were found without `tool_result` blocks immediately after"
        for call_id in open_ids:
            if not _ID.fullmatch(call_id):
                yield "messages.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
            if call_id in seen:
                yield "messages: `tool_use` ids must be unique"
            seen.add(call_id)


def _results(given: list[Json], open_ids: list[str]) -> Iterator[str]:
    answered = [block["tool_use_id"] for block in given if block["type"] == "tool_result"]
    if missing := set(open_ids) - set(answered):
        yield f"messages: `tool_use` ids were found without `tool_result` blocks immediately after: {sorted(missing)}"
    if stray := set(answered) - set(open_ids):
        yield f"messages: unexpected `tool_use_id` found in `tool_result` blocks: {', '.join(stray)}"
    if len(answered) != len(set(answered)):
        yield "messages: each tool_use must have a single result"
    if any(block["type"] != "tool_result" for block in given[: len(answered)]):
        yield "messages: `tool_result` blocks must come first in the content"
    for block in given:
        if block.get("is_error") and any(inner["type"] != "text" for inner in result_blocks(block)):
            yield "messages: all content must be type `text` if `is_error` is true"
        if block["type"] == "tool_result" and block.get("content") == []:
            yield "messages: tool_result content must not be an empty list"


def _tools(body: Json) -> Iterator[str]:
    tools = body.get("tools") or []
    used = any(
        block["type"] in ("tool_use", "tool_result") for message in body["messages"] for block in blocks(message)
    )
    if used and "tools" not in body:
        yield "Requests which include `tool_use` or `tool_result` blocks must define tools"
    if "tool_choice" in body and not tools:
        yield "tool_choice: tool_choice may only be specified while providing tools"
    names = [tool["name"] for tool in tools]
    if len(names) != len(set(names)):
        yield "tools: Tool names must be unique."
    for tool in tools:
        if not _NAME.fullmatch(tool["name"]):
            yield "tools.name: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'"
        yield from schema_complaints(tool["name"], tool["input_schema"])


def _marked(value: Any) -> Iterator[Json]:
    """Every block or tool with a cache breakpoint, in request order."""
    if isinstance(value, list):
        for item in value:
            yield from _marked(item)
    elif isinstance(value, dict):
        if value.get("cache_control"):
            yield value
        yield from _marked(value.get("content"))


def _cache(body: Json) -> Iterator[str]:
    marked = [*_marked(body.get("tools")), *_marked(body.get("system")), *_marked(body["messages"])]
    total = len(marked) + bool(body.get("cache_control"))
    if total > 4:
        yield f"A maximum of 4 blocks with cache_control may be provided. Found {total}."
    if any(block.get("type") in ("thinking", "redacted_thinking") for block in marked):
        yield "messages: cache_control cannot be set on thinking blocks"


def _thinking(body: Json, issued: dict[str, str]) -> Iterator[str]:
    for message in body["messages"]:
        for block in blocks(message):
            if block["type"] == "thinking" and issued.get(block["signature"]) != block["thinking"]:
                yield "messages: Invalid `signature` in `thinking` block"
    thinking = body.get("thinking") or {"type": "disabled"}
    if thinking["type"] == "disabled":
        return
    if thinking.get("budget_tokens", 0) >= body["max_tokens"]:
        yield "`max_tokens` must be greater than `thinking.budget_tokens`"
    if body.get("tool_choice", {}).get("type") in ("any", "tool"):
        yield "Thinking may not be enabled when tool_choice forces tool use."
    if body.get("temperature", 1) != 1 or "top_k" in body:
        yield "`temperature` may only be set to 1 when thinking is enabled"
    yield from _loop_thinking(body["messages"])


def _loop_thinking(messages: list[Json]) -> Iterator[str]:
    """The unfinished turn, everything after the user's last words, starts with its thinking."""
    if not messages or blocks(messages[-1])[-1]["type"] != "tool_result":
        return
    user_turns = [i for i, message in enumerate(messages) if message["role"] == "user" and not _has_results(message)]
    first = messages[user_turns[-1] + 1]
    found = blocks(first)[0]["type"]
    if found not in ("thinking", "redacted_thinking"):
        yield (
            f"messages: Expected `thinking` or `redacted_thinking`, but found `{found}`. When `thinking` is enabled, "
            "a final `assistant` message must start with a thinking block"
        )


def _has_results(message: Json) -> bool:
    return any(block["type"] == "tool_result" for block in blocks(message))
