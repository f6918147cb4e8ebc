import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import seal
from converters.rendering.readable import looks_readable, readable


def body(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def sse(*events: Any) -> bytes:
    return b"".join(b"data: " + (event if isinstance(event, bytes) else body(event)) + b"\n\n" for event in events)


def chunk(finish: str | None = None, **delta: Any) -> Any:
    return {"id": "c1", "model": "glm", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


CALL = {"index": 0, "id": "call_1", "function": {"name": "look", "arguments": '{"at": "the sky", "times": 2}'}}
USAGE = {"choices": [], "usage": {"prompt_tokens": 1200, "completion_tokens": 30}}
CHAT = sse(
    chunk(reasoning_content="Hm. "),
    chunk(reasoning_content="Yes."),
    chunk(content="I look."),
    chunk(tool_calls=[CALL]),
    chunk("tool_calls"),
    USAGE,
    b"[DONE]",
)
CHAT_SHOWN = """\
answer of glm · chat · c1

thinking
  Hm. Yes.

text
  I look.

call look · call_1
  at: the sky
  times: 2

ends: tool_calls · 1,200 tokens in · 30 out
"""
START = {"type": "message_start", "message": {"id": "m1", "model": "opus", "usage": {"input_tokens": 7}}}
ANTHROPIC = [
    START,
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm."}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "abc"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "web_search_tool_result", "content": []}},
    {"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": "Done."}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
    {"type": "message_stop"},
]
ANTHROPIC_SHOWN = """\
answer of opus · anthropic · m1

thinking · [signed]
  Hm.

text
  Done.

web_search_tool_result
  {"content":[]}

ends: stop · 7 tokens in · 3 out
"""
RESPONSE = {
    "object": "response",
    "id": "r1",
    "model": "gpt",
    "status": "completed",
    "output": [
        {"type": "reasoning", "summary": [], "encrypted_content": "x" * 3000},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi."}]},
        {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "*** Begin Patch\n*** End Patch"},
    ],
    "usage": {"input_tokens": 5, "output_tokens": 6, "input_tokens_details": {"cached_tokens": 4}},
}
RESPONSE_SHOWN = """\
answer of gpt · responses · r1

thinking · [encrypted, 3 kB]

text
  Hi.

call apply_patch · c1
  *** Begin Patch
  *** End Patch

ends: tool_calls · 5 tokens in (4 cached) · 6 out
"""
REQUEST = {
    "model": "gpt",
    "instructions": "Be brief.",
    "stream": True,
    "reasoning": {"effort": "high", "summary": None},
    "client_metadata": {"a": "1", "b": "2"},
    "tools": [{"type": "function", "name": "look"}, {"type": "web_search"}, {"type": "custom", "name": "patch"}],
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "look"}]},
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "Hm."}],
            "encrypted_content": seal.wrap("chat", {}),
        },
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"at":"a"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "blue"},
    ],
}
REQUEST_SHOWN = """\
request to gpt · responses
  stream true · reasoning.effort high · client_metadata of 2

instructions
  Be brief.

tools · 3
  look, web_search, patch (custom)

  0  user
     look
  1  thinking · [our seal: chat, 13 B]
     Hm.
  2  call look · c1
     at: a
  3  output of c1
     blue
"""


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (CHAT, CHAT_SHOWN),
        (sse(*ANTHROPIC), ANTHROPIC_SHOWN),
        (body(RESPONSE), RESPONSE_SHOWN),
        (sse({"type": "response.completed", "response": RESPONSE}), RESPONSE_SHOWN),
        (body(REQUEST), REQUEST_SHOWN),
    ],
    ids=["chat stream", "anthropic stream", "responses body", "responses stream", "responses request"],
)
def test_shows_what_was_said(message: bytes, shown: str) -> None:
    assert looks_readable(message)
    assert readable(message) == shown


def test_shows_a_whole_chat_answer_as_its_stream() -> None:
    message = {"reasoning_content": "Hm. Yes.", "content": "I look.", "tool_calls": [CALL]}
    usage = {"prompt_tokens": 1200, "completion_tokens": 30}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    assert readable(body({"id": "c1", "model": "glm", "choices": [choice], "usage": usage})) == CHAT_SHOWN


def test_shows_a_chat_request() -> None:
    request = {
        "model": "glm",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 16000}}],
            },
            {"role": "assistant", "reasoning_content": "Hm.", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "blue"},
        ],
    }
    shown = readable(body(request)) or ""
    assert shown.startswith("request to glm · chat\n")
    assert [line for line in shown.splitlines() if line[:3].strip().isdigit()] == [
        "  0  system",
        "  1  user",
        "  2  thinking",
        "  3  call look · call_1",
        "  4  output of call_1",
    ]
    assert "[image png 12 kB]" in shown


def test_shows_an_anthropic_request() -> None:
    blocks = [
        {"type": "thinking", "thinking": "Hm.", "signature": "abc"},
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "a"}},
    ]
    results = [
        {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "no"}], "is_error": True},
        {"type": "text", "text": "and?"},
    ]
    messages = [{"role": "assistant", "content": blocks}, {"role": "user", "content": results}]
    assert readable(body({"model": "opus", "messages": messages})) == (
        "request to opus · anthropic\n\n"
        "  0  thinking · [signed]\n     Hm.\n"
        "  1  assistant\n     I look.\n"
        "  2  call look · t1\n     at: a\n"
        "  3  output of t1 · error\n     no\n"
        "  4  user\n     and?\n"
    )


def test_shows_a_compaction() -> None:
    items = [
        {"role": "user", "content": "hi"},
        {"type": "compaction", "encrypted_content": seal.wrap("summary", "It.")},
    ]
    shown = readable(body({"object": "response.compaction", "output": items}))
    assert shown == "  0  user\n     hi\n  1  compaction\n     [our seal: summary, 20 B]\n"


@pytest.mark.parametrize("stream", [CHAT, sse(*ANTHROPIC)], ids=["chat", "anthropic"])
def test_shows_what_came_of_a_cut_stream_and_that_it_was_cut(stream: bytes) -> None:
    shown = readable(stream[: stream.index(b"Hm.") + 60]) or ""
    assert "\n  Hm." in shown
    assert shown.splitlines()[-1].startswith("CUT: ")


@pytest.mark.parametrize("stream", [CHAT, sse(*ANTHROPIC)], ids=["chat", "anthropic"])
def test_a_stream_that_still_runs_is_not_called_cut(stream: bytes) -> None:
    shown = readable(stream[: stream.index(b"Hm.") + 60], is_running=True) or ""
    assert "\n  Hm." in shown
    assert shown.splitlines()[-1].startswith("goes on")


def test_shows_the_rest_of_an_answer_of_which_some_cannot_be_read() -> None:
    odd = {"choices": ["odd"], "usage": [1]}
    shown = readable(sse(chunk(content="so far"), odd, chunk(content=", so good"))) or ""
    assert "  so far, so good\n" in shown


def test_shows_a_character_that_came_in_halves() -> None:
    stream = sse(chunk(content="X")).replace(b"X", rb"\ud83d") + sse(chunk(content="Y")).replace(b"Y", rb"\ude00")
    assert "  😀\n" in (readable(stream) or "")


ERRORS = [
    body({"error": {"message": "no credit", "code": "insufficient_quota"}}),
    body({"type": "error", "error": {"type": "x", "message": "no credit"}}),
    body([{"error": {"message": "no credit"}}]),
    sse({"error": {"message": "no credit"}}),
    sse({"type": "error", "error": {"type": "x", "message": "no credit"}}),
    sse({"type": "error", "sequence_number": 3, "message": "no credit"}),
]


@pytest.mark.parametrize("error", ERRORS)
def test_shows_an_error_in_any_form(error: bytes) -> None:
    last = (readable(error) or "").splitlines()[-1]
    assert last.startswith("FAILED")
    assert last.endswith("no credit")


OTHERS = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b"{",
    b"<html>",
    b'{"model": "x"}',
    b'{"data": [1]}',
    sse({"hello": 1}),
    b"\x00\xff",
]


@pytest.mark.parametrize("other", OTHERS)
def test_anything_else_is_left_to_others(other: bytes) -> None:
    assert readable(other) is None
    assert readable(other, "text/event-stream") is None


def test_the_content_type_tells_a_stream_that_begins_oddly() -> None:
    stream = b"retry-after: 3\n\n" + CHAT
    assert readable(stream) is None
    assert readable(stream, "text/event-stream; charset=utf-8") == CHAT_SHOWN


def test_of_a_long_conversation_only_the_last_items_are_shown_at_length() -> None:
    items = [{"role": "user", "content": f"question {n}\nmore"} for n in range(100)]
    shown = (readable(body({"model": "m", "input": items})) or "").splitlines()
    assert "  0  user · question 0 more" in shown
    assert shown[-3:] == [" 99  user", "     question 99", "     more"]
    assert len(shown) < 160


def test_what_is_shown_does_not_grow_with_what_was_said() -> None:
    output = {"type": "function_call_output", "call_id": "c", "output": "line of text\n" * 100_000}
    shown = readable(body({"model": "m", "input": [output]})) or ""
    assert len(shown) < 3000
    assert "1,300,000 characters" in shown


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["message", "text", "reasoning"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "content", "role", "id"]), inner)
    ),
    max_leaves=12,
)
NAMES = st.sampled_from(
    [
        "model",
        "input",
        "messages",
        "tools",
        "system",
        "choices",
        "output",
        "content",
        "type",
        "error",
        "usage",
        "object",
        "delta",
        "message",
        "response",
        "item",
        "role",
        "id",
        "status",
        "encrypted_content",
        "arguments",
        "summary",
    ]
)


@given(st.dictionaries(NAMES, JSON))
def test_no_body_makes_it_raise(value: Any) -> None:
    assert isinstance(readable(body(value)), str | None)


@given(st.lists(st.dictionaries(NAMES, JSON), max_size=4), st.integers(0, 200))
def test_no_stream_makes_it_raise(values: list[Any], cut: int) -> None:
    assert isinstance(readable(sse(START, *values)[: 100 + cut]), str | None)
    assert isinstance(readable(sse(chunk(content="x"), *values)), str | None)
