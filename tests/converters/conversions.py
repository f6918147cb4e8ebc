"""A question, small answers to it in each protocol, and what an conversion makes of them."""

from itertools import pairwise
from typing import Any

import pytest

from converters import jsontext
from converters.anthropic.dialect import AnthropicDialect
from converters.chat.dialect import ChatDialect
from converters.conversion import ClientRequest, Conversion, ConversionSpec, Upstream, open_conversion
from converters.dialect import Dialect
from converters.errors import Client
from converters.jsontext import Json
from converters.responses.dialect import ResponsesDialect

CHAT_STREAM = (
    b"".join(
        b"data: %b\n\n" % jsontext.dumps({"id": "chatcmpl-7", "model": "m", "choices": [{"index": 0, **choice}]})
        for choice in (
            {"delta": {"role": "assistant", "content": ""}},
            {"delta": {"reasoning_content": "Let me "}},
            {"delta": {"reasoning_content": "think \U0001f914"}},
            {"delta": {"content": "Hé"}},
            {"delta": {"content": "llo"}},
            {
                "delta": {
                    "tool_calls": [{"index": 0, "id": "call_a", "function": {"name": "run", "arguments": '{"cmd"'}}]
                }
            },
            {"delta": {"tool_calls": [{"index": 0, "function": {"arguments": ':"ls"}'}}]}},
            {"delta": {}, "finish_reason": "tool_calls"},
        )
    )
    + b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14}}\n\ndata: [DONE]\n\n'
)

ANTHROPIC_STREAM = b"".join(
    b"event: %b\ndata: %b\n\n" % (event["type"].encode(), jsontext.dumps(event))
    for event in (
        {"type": "message_start", "message": {"id": "msg_7", "model": "m", "usage": {"input_tokens": 9}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm \U0001f914"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hé"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "llo"}},
        {"type": "content_block_stop", "index": 1},
        {
            "type": "content_block_start",
            "index": 2,
            "content_block": {"type": "tool_use", "id": "toolu_1", "name": "run", "input": {}},
        },
        {
            "type": "content_block_delta",
            "index": 2,
            "delta": {"type": "input_json_delta", "partial_json": '{"cmd":"ls"}'},
        },
        {"type": "content_block_stop", "index": 2},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    )
)
STREAMS = {"chat": CHAT_STREAM, "anthropic": ANTHROPIC_STREAM}
ONE_DIALECT: dict[str, Dialect] = {
    "chat": ChatDialect(reasoning_back="exact", effort="thinking"),
    "anthropic": AnthropicDialect(thinking="budget"),
    "responses": ResponsesDialect(),
}
EACH_PROTOCOL = pytest.mark.parametrize("protocol", sorted(STREAMS))


def request_body(**fields: Any) -> Json:
    tool = {"type": "function", "name": "run", "parameters": {"type": "object", "properties": {}}}
    return {
        "model": "alias",
        "input": "hi",
        "stream": True,
        "tools": [tool],
        "reasoning": {"summary": "auto"},
        **fields,
    }


NOW = 1_700_000_000


def opened(
    protocol: str, raw: Json | None = None, client: Client = "codex", *, event_limit: int | None = None, **how: Any
) -> Conversion:
    upstream = Upstream("Acme", protocol, "model-x", ONE_DIALECT[protocol])
    return open_with(upstream, raw or request_body(), client, event_limit=event_limit, **how)


def open_with(
    upstream: Upstream, raw: Json, client: Client = "codex", *, event_limit: int | None = None, **how: Any
) -> Conversion:
    spec = ConversionSpec(upstream, NOW, client, **how)
    return open_conversion(ClientRequest(raw), spec, event_limit=event_limit)


def replay(conversion: Conversion, chunks: list[bytes]) -> bytes:
    """What a client reads that did not wait for content: whatever fails, it is told within the stream."""
    return b"".join(conversion.commit()) + waited(conversion, chunks)


def waited(conversion: Conversion, chunks: list[bytes]) -> bytes:
    """What a client reads of a stream; nothing where that fails before there is content."""
    out = [piece for chunk in chunks for piece in conversion.feed(chunk)]
    return b"".join(out + conversion.close())


def cut_at(stream: bytes, places: list[int]) -> list[bytes]:
    borders = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[a:b] for a, b in pairwise(borders)]
