"""Messages that repeat the one before are read without parsing, and read the same."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import sse
from converters.anthropic import response as from_anthropic
from converters.anthropic.dialect import AnthropicDialect
from converters.chat import response as from_chat
from converters.chat.dialect import ChatDialect
from converters.delta_template import DeltaTemplate
from converters.events import Event, Failed
from converters.jsontext import Json, dumps
from converters.protocols import Decoder

TEXTS = st.one_of(
    st.sampled_from(["a", "word ", "\u00e9\U0001f600", 'say "content"', "\\", "\n", "<think>", ""]), st.text()
)
DELTAS = st.one_of(
    TEXTS.map(lambda text: {"content": text}),
    TEXTS.map(lambda text: {"reasoning_content": text, "content": None}),
    TEXTS.map(lambda text: {"content": text, "reasoning": text}),
    TEXTS.map(lambda text: {"role": "assistant", "content": text}),
    TEXTS.map(lambda text: {"reasoning": text, "reasoning_details": [{"type": "reasoning.text", "text": "x"}]}),
    TEXTS.map(lambda text: {"content": text, "tool_calls": [{"index": 0, "function": {"arguments": text}}]}),
    TEXTS.map(lambda text: {"refusal": text}),
)
DIALECTS = st.sampled_from(
    [ChatDialect(), ChatDialect(think_tags=True), ChatDialect(cumulative=True), ChatDialect(reasoning_back="details")]
)
BLOCKS = st.one_of(
    TEXTS.map(lambda text: {"type": "text_delta", "text": text}),
    TEXTS.map(lambda text: {"type": "thinking_delta", "thinking": text}),
    TEXTS.map(lambda text: {"type": "input_json_delta", "partial_json": text}),
)


def chunk(delta: Json, **more: Any) -> Json:
    return {"id": "c1", "choices": [{"index": 0, "delta": delta, "finish_reason": None}], **more}


def content(text: str) -> Json:
    return chunk({"content": text})


def learned(body: Json) -> DeltaTemplate:
    template = DeltaTemplate()
    template.learn(dumps(body), from_chat._only_text(body))
    return template


class Parsing(DeltaTemplate):
    """Knows no repeats."""

    def text_of(self, data: bytes) -> str:
        return ""


def events(decoder: Decoder, bodies: list[Json], *, ascii_only: bool) -> list[Event]:
    result = (json.dumps(body, ensure_ascii=ascii_only).encode("utf-8", "replace") for body in bodies)
    return [event for data in result for event in decoder.feed(sse.Message("", data))] + decoder.close()


@given(st.lists(DELTAS, max_size=12), st.booleans(), DIALECTS)
def test_a_chat_stream_says_the_same_read_either_way(
    deltas: list[Json], ascii_only: bool, dialect: ChatDialect
) -> None:
    quick, parsing = from_chat.ChatDecoder("Who", dialect), from_chat.ChatDecoder("Who", dialect)
    parsing._template = Parsing()
    bodies = [chunk(delta) for delta in deltas]
    assert events(quick, bodies, ascii_only=ascii_only) == events(parsing, bodies, ascii_only=ascii_only)


@given(st.lists(st.tuples(BLOCKS, st.integers(0, 1)), max_size=12), st.booleans())
def test_an_anthropic_stream_says_the_same_read_either_way(deltas: list[tuple[Json, int]], ascii_only: bool) -> None:
    quick, parsing = (from_anthropic.AnthropicDecoder("Who", AnthropicDialect()) for _ in range(2))
    parsing._template = Parsing()
    bodies = [{"type": "content_block_delta", "index": index, "delta": delta} for delta, index in deltas]
    assert events(quick, bodies, ascii_only=ascii_only) == events(parsing, bodies, ascii_only=ascii_only)


def test_only_the_text_may_differ() -> None:
    template = learned(content("Hi"))
    assert template.text_of(dumps(content("you"))) == "you"
    assert template.text_of(dumps(content("you") | {"id": "c2"})) == ""
    assert template.text_of(dumps(chunk({"content": "you", "refusal": "no"}))) == ""


@pytest.mark.parametrize("text", ["", "a\nb", 'a"b', "a\\b"])
def test_a_text_with_anything_escaped_is_parsed(text: str) -> None:
    assert learned(content("Hi")).text_of(dumps(content(text))) == ""


@pytest.mark.parametrize("text", [b"\x01", b"\xff", b'x","y":"z'])
def test_a_text_that_is_no_json_is_parsed(text: bytes) -> None:
    assert learned(content("Hi")).text_of(dumps(content("X")).replace(b"X", text)) == ""


@pytest.mark.parametrize(
    "body",
    [
        chunk({"content": "Hi", "tool_calls": [{"index": 0}]}),
        chunk({"reasoning": "Hi", "reasoning_details": [{"text": "Hi"}]}),
        chunk({"content": "Hi"}, usage={"prompt_tokens": 1}),
        chunk({"content": [{"type": "text", "text": "Hi"}]}),
        chunk({"content": "Hi"}, metadata={"content": "Hi"}),
        {"choices": [{"index": 1, "delta": {"content": "Hi"}}]},
        {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]},
        {"choices": []},
    ],
)
def test_a_chunk_that_says_more_is_not_learned(body: Json) -> None:
    template = learned(body)
    assert template.text_of(dumps(body)) == ""


def test_thinking_is_learned_by_its_own_name() -> None:
    template = learned(chunk({"content": "", "reasoning_content": "Hm"}))
    assert (template.text_of(dumps(chunk({"content": "", "reasoning_content": "so"}))), template.key) == (
        "so",
        "reasoning_content",
    )


def test_a_host_whose_chunks_never_repeat_is_not_learned_for_ever() -> None:
    template = DeltaTemplate()
    for number in range(9):
        body = content("Hi") | {"obfuscation": str(number)}
        assert template.text_of(dumps(body)) == ""
        if template.learns:
            template.learn(dumps(body), "content")
    assert not template.learns


def test_a_host_whose_chunks_change_now_and_then_is_learned_anew() -> None:
    template = DeltaTemplate()
    for number in range(9):
        one, other = (content(text) | {"created": number} for text in ("Hi", "you"))
        assert template.text_of(dumps(one)) == ""
        template.learn(dumps(one), "content")
        assert template.text_of(dumps(other)) == "you"
    assert template.learns


def test_a_repeated_chunk_that_is_named_an_error_is_one() -> None:
    decoder = from_chat.ChatDecoder("Who", ChatDialect())
    decoder.feed(sse.Message("", dumps(content("Hi"))))
    [failed] = decoder.feed(sse.Message("error", dumps(content("you"))))
    assert isinstance(failed, Failed)
