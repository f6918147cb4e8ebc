"""The messages of an upstream request, in one form for every protocol."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from tests.e2e.scripted_response import Json
from tests.e2e.scripted_upstream import ReceivedRequest
from tests.e2e.strict_anthropic import blocks, result_blocks

type Role = Literal["system", "user", "assistant", "output"]


@dataclass
class Message:
    """A message, or the output of one tool call. An image is its data URL; a call is its name and its arguments."""

    role: Role
    text: str = ""
    images: list[str] = field(default_factory=list)
    thinking: str = ""
    calls: list[tuple[str, Json]] = field(default_factory=list)
    id: str = ""


def messages_of(request: ReceivedRequest) -> list[Message]:
    read = _anthropic if request.path.endswith("/messages") else _chat
    return list(read(request.body))


def tool_names(request: ReceivedRequest) -> list[str]:
    return [tool.get("function", tool)["name"] for tool in request.body.get("tools", [])]


def instructions(request: ReceivedRequest) -> str:
    return "\n".join(message.text for message in messages_of(request) if message.role == "system")


def _chat(body: Json) -> Iterator[Message]:
    for message in body["messages"]:
        content = message.get("content") or ""
        parts: list[Json] = [{"type": "text", "text": content}] if isinstance(content, str) else content
        text = "\n".join(part["text"] for part in parts if part["type"] == "text")
        role: Role = {"tool": "output", "developer": "system"}.get(message["role"], message["role"])
        yield Message(
            role,
            text,
            [part["image_url"]["url"] for part in parts if part["type"] == "image_url"],
            message.get("reasoning_content", ""),
            [_chat_call(call) for call in message.get("tool_calls") or []],
            message.get("tool_call_id", ""),
        )


def _chat_call(call: Json) -> tuple[str, Json]:
    return call["function"]["name"], json.loads(call["function"]["arguments"])


def _anthropic(body: Json) -> Iterator[Message]:
    system = body.get("system", "")
    yield Message("system", system if isinstance(system, str) else _text(system))
    for message in body["messages"]:
        own = [block for block in blocks(message) if block["type"] != "tool_result"]
        for block in blocks(message):
            if block["type"] == "tool_result":
                yield _result(block)
        if own:
            yield Message(
                message["role"],
                _text(own),
                _images(own),
                "".join(block["thinking"] for block in own if block["type"] == "thinking"),
                [(block["name"], block["input"]) for block in own if block["type"] == "tool_use"],
            )


def _result(block: Json) -> Message:
    content = block.get("content", "")
    text = content if isinstance(content, str) else _text(content)
    return Message("output", text, _images(result_blocks(block)), id=block["tool_use_id"])


def _text(parts: list[Json]) -> str:
    return "\n".join(part["text"] for part in parts if part["type"] == "text")


def _images(parts: list[Json]) -> list[str]:
    sources = [part["source"] for part in parts if part["type"] == "image"]
    return [f"data:{source['media_type']};base64,{source['data']}" for source in sources]
