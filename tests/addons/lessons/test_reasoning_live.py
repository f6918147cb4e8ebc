"""Real sockets: earlier thinking goes back as it came; what an upstream does not know as its own goes, and only that."""

from pathlib import Path
from typing import Any

import pytest

from converters import seal, sse
from converters.jsontext import Json, loads
from tests.addons.lessons.test_learning_live import Strict, asked, proxy_before
from tests.addons.proxy_under_test import request_body

THOUGHT, SIGNATURE = "Let me\tsee: é😀 </thinking>", "EqQBCkYIARgCKkA+/c2lnbmF0dXJl=="
EVENTS: list[Json] = [
    {"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": THOUGHT}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": SIGNATURE}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hello"}},
    {"type": "content_block_stop", "index": 1},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
    {"type": "message_stop"},
]
ANSWER = b"".join(map(sse.encode, EVENTS))
THINKS = 'dialect = { thinking = "adaptive", cache = false }\n'
USER: Json = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
SAID: Json = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}


def thoughts(body: dict[str, Any]) -> list[Json]:
    parts = [part for message in body["messages"] for part in message["content"] if isinstance(part, dict)]
    return [part for part in parts if part["type"] == "thinking"]


def checks_signatures(body: dict[str, Any]) -> str:
    """As Anthropic does."""
    for block in thoughts(body):
        if "signature" not in block:
            return "messages.1.content.0.thinking.signature: Field required"
        if (block["thinking"], block["signature"]) != (THOUGHT, SIGNATURE):
            return "messages.1.content.0: Invalid `signature` in `thinking` block"
    return ""


def turn(reasoning: Json) -> bytes:
    return request_body(input=[USER, reasoning, SAID, USER], reasoning={"effort": "high", "summary": "auto"})


def signed(**fields: str) -> Json:
    payload = {"from": "anthropic", "thinking": THOUGHT, **fields}
    return {"type": "reasoning", "summary": [], "encrypted_content": seal.wrap("anthropic", payload)}


async def test_intact_thinking_goes_back_byte_for_byte(tmp_path: Path) -> None:
    upstream = Strict(checks_signatures, ANSWER)
    async with proxy_before(upstream, tmp_path, "anthropic", THINKS) as proxy:
        first = await asked(proxy, request_body(reasoning={"effort": "high", "summary": "auto"}))
        stream = b"".join(line + b"\n" for line in first.body.split(b"\r\n") if not line.strip().isalnum())
        events = [loads(message.data) for message in sse.Parser().feed(stream)]
        (reasoning,) = [
            event["item"]
            for event in events
            if event["type"] == "response.output_item.done" and event["item"]["type"] == "reasoning"
        ]
        second = await asked(proxy, turn(reasoning))
        assert second.status == 200
    assert len(upstream.requests) == 2
    assert thoughts(upstream.requests[1]) == [{"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE}]


@pytest.mark.parametrize(
    ("reasoning", "attempts"),
    [
        (signed(), 1),  # no signature at all
        (signed(signature=""), 1),
        (signed(signature=SIGNATURE[:-9]), 2),  # which only its upstream can tell
        (signed(signature=SIGNATURE) | {"encrypted_content": signed(signature=SIGNATURE)["encrypted_content"][:-9]}, 1),
        (signed(signature=SIGNATURE, **{"from": "other"}), 1),
        ({"type": "reasoning", "summary": [], "encrypted_content": "gAAAAABforeign"}, 1),
    ],
    ids=["missing", "empty", "truncated", "seal truncated", "another family's", "another protocol's"],
)
async def test_thinking_with_a_spoilt_signature_is_dropped_and_the_turn_goes_on(
    reasoning: Json, attempts: int, tmp_path: Path
) -> None:
    upstream = Strict(checks_signatures, ANSWER)
    async with proxy_before(upstream, tmp_path, "anthropic", THINKS) as proxy:
        response = await asked(proxy, turn(reasoning))
        assert response.status == 200 and b"Hello" in response.body
    assert len(upstream.requests) == attempts
    assert thoughts(upstream.requests[-1]) == []
    texts = [message["content"] for message in upstream.requests[-1]["messages"]]
    assert texts == [[{"type": "text", "text": text}] for text in ("hi", "Hello", "hi")]


async def test_an_upstream_that_blames_thinking_for_ever_is_asked_twice(tmp_path: Path) -> None:
    upstream = Strict(lambda body: "messages.1.content.0: Invalid `signature` in `thinking` block")
    async with proxy_before(upstream, tmp_path, "anthropic", THINKS) as proxy:
        response = await asked(proxy, turn(signed(signature=SIGNATURE)))
        assert response.status == 400
    assert len(upstream.requests) == 2


async def test_encrypted_content_of_another_account_is_stripped_and_tried_once(tmp_path: Path) -> None:
    """Reasoning that we sealed never goes there; what another account sealed, only its upstream can tell."""

    def knows_its_own(body: dict[str, Any]) -> str:
        sealed = [item for item in body["input"] if item.get("type") == "reasoning"]
        return "The encrypted content gAAA could not be verified. (invalid_encrypted_content)" if sealed else ""

    words = {"type": "response.output_text.delta", "delta": "Hi"}
    completed = {"type": "response.completed", "response": {"id": "resp_1", "status": "completed", "output": []}}
    upstream = Strict(knows_its_own, sse.encode(words) + sse.encode(completed))
    async with proxy_before(upstream, tmp_path, "responses") as proxy:
        foreign = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAABforeign"}
        response = await asked(proxy, turn(foreign))
        assert response.status == 200 and b"response.completed" in response.body
        assert [len(request["input"]) for request in upstream.requests] == [4, 3]
        assert upstream.requests[1]["input"] == [USER, SAID, USER]
        await asked(proxy, turn(signed(signature=SIGNATURE)))
        assert len(upstream.requests) == 3, "what we sealed is left out at once"
