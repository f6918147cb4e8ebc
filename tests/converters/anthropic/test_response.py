"""Anthropic's answers as events."""

from typing import Any

import pytest

from converters import jsontext, seal, sse
from converters.anthropic.dialect import AnthropicDialect
from converters.anthropic.response import AnthropicDecoder
from converters.errors import Fault
from converters.events import (
    CallDelta,
    CallStarted,
    Event,
    Failed,
    Finished,
    ReasoningDelta,
    ReasoningSealed,
    Started,
    TextDelta,
    UsageReported,
)
from converters.jsontext import Json
from tests.steps import steps

START = {"type": "message_start", "message": {"id": "msg_1", "model": "claude", "usage": {"input_tokens": 3}}}
STOP = {"type": "message_stop"}


def decode(*messages: Json, dialect: AnthropicDialect | None = None) -> list[Event]:
    decoder = AnthropicDecoder("Anthropic", dialect or AnthropicDialect())
    result = [event for element in messages for event in decoder.feed(message(element))]
    return result + decoder.close()


def message(said: Json) -> sse.Message:
    return sse.Message(said.get("type", ""), jsontext.dumps(said))


def begin(index: int, kind: str, **fields: Any) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": {"type": kind, **fields}}


def delta(index: int, kind: str, **fields: Any) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def end(index: int) -> Json:
    return {"type": "content_block_stop", "index": index}


def stops(reason: str | None, **usage: Any) -> Json:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage or None}


def block(kind: str, *deltas: tuple[str, Json], index: int = 0, **fields: Any) -> list[Json]:
    return [begin(index, kind, **fields), *(delta(index, name, **said) for name, said in deltas), end(index)]


def decoded(*messages: Json, reason: str = "end_turn", dialect: AnthropicDialect | None = None) -> list[Event]:
    """What an ordinary answer of these messages says, without its start and end."""
    events = decode(START, *messages, stops(reason), STOP, dialect=dialect)
    assert isinstance(events[0], Started) and isinstance(events[-1], Finished)
    return [event for event in events[1:-1] if not isinstance(event, UsageReported)]


def unsealed(event: Event) -> Any:
    assert isinstance(event, ReasoningSealed)
    return seal.unwrap("anthropic", event.seal)


def failure(events: list[Event]) -> Fault:
    assert isinstance(events[-1], Failed)
    assert not any(isinstance(event, Failed | Finished) for event in events[:-1])
    return events[-1].fault


# --- text, thinking, calls ---


def test_a_text_answer_is_told_in_the_order_it_came() -> None:
    text = block("text", ("text_delta", {"text": "Hel"}), ("text_delta", {"text": "lo"}), text="")
    assert decode(START, {"type": "ping"}, *text, stops("end_turn", output_tokens=2), STOP) == [
        Started("msg_1", "claude"),
        UsageReported(3, 0),
        TextDelta("Hel"),
        TextDelta("lo"),
        UsageReported(3, 2),
        Finished("stop"),
    ]


def test_text_that_stands_in_the_start_of_its_block_is_not_lost() -> None:
    assert decoded(*block("text", text="Hi")) == [TextDelta("Hi")]


def test_empty_deltas_say_nothing() -> None:
    call = block("tool_use", ("input_json_delta", {"partial_json": ""}), id="t", name="f", input={}, index=1)
    assert decoded(*block("text", ("text_delta", {"text": ""})), *call) == [CallStarted("t", "f")]


def test_citations_are_left_out_of_the_text() -> None:
    cited = block("text", ("text_delta", {"text": "x"}), ("citations_delta", {"citation": {"url": "u"}}))
    assert decoded(*cited) == [TextDelta("x")]


def test_thinking_is_sealed_whole_with_its_signature_at_the_end_of_its_block() -> None:
    deltas = [("thinking_delta", {"thinking": "a"}), ("thinking_delta", {"thinking": "b"})]
    events = decoded(*block("thinking", *deltas, ("signature_delta", {"signature": "sig"}), thinking="", signature=""))
    assert events[:2] == [ReasoningDelta("a"), ReasoningDelta("b")]
    assert unsealed(events[2]) == {"from": "anthropic", "thinking": "ab", "signature": "sig"}
    assert len(events) == 3


def test_thinking_that_is_not_shown_is_sealed_all_the_same() -> None:
    events = decoded(*block("thinking", ("signature_delta", {"signature": "sig"}), thinking=""))
    assert [unsealed(event) for event in events] == [{"from": "anthropic", "thinking": "", "signature": "sig"}]


def test_unsigned_thinking_is_sealed_only_for_who_wants_it_back() -> None:
    thought = block("thinking", ("thinking_delta", {"thinking": "a"}), thinking="")
    assert decoded(*thought) == [ReasoningDelta("a")]
    events = decoded(*thought, dialect=AnthropicDialect(unsigned_thinking=True, signature_family="zai"))
    assert unsealed(events[1]) == {"from": "zai", "thinking": "a", "signature": ""}


def test_thinking_without_its_stop_is_sealed_before_what_follows() -> None:
    open_thought = block("thinking", ("thinking_delta", {"thinking": "a"}), signature="s", thinking="")[:-1]
    kinds = [type(event) for event in decoded(*open_thought, *block("text", text="x", index=1))]
    assert kinds == [ReasoningDelta, ReasoningSealed, TextDelta]


def test_thinking_without_its_start_is_heard_and_sealed() -> None:
    events = decoded(delta(0, "thinking_delta", thinking="a"), delta(0, "signature_delta", signature="s"), end(0))
    assert events[0] == ReasoningDelta("a")
    assert unsealed(events[1])["thinking"] == "a"


def test_redacted_thinking_is_sealed_alone() -> None:
    assert [unsealed(event) for event in decoded(*block("redacted_thinking", data="xyz"))] == [
        {"from": "anthropic", "redacted": "xyz"}
    ]


def test_parallel_calls_keep_their_arguments_apart() -> None:
    calls = [begin(1, "tool_use", id="a", name="f", input={}), begin(2, "tool_use", id="b", name="g", input={})]
    pieces = [delta(1, "input_json_delta", partial_json='{"x":'), delta(2, "input_json_delta", partial_json="{}")]
    assert decoded(*calls, *pieces, delta(1, "input_json_delta", partial_json="1}"), end(1), end(2)) == [
        CallStarted("a", "f"),
        CallStarted("b", "g"),
        CallDelta("a", '{"x":'),
        CallDelta("b", "{}"),
        CallDelta("a", "1}"),
    ]


def test_input_in_the_start_counts_where_no_deltas_come() -> None:
    assert decoded(*block("tool_use", id="a", name="f", input={"x": 1})) == [
        CallStarted("a", "f"),
        CallDelta("a", '{"x":1}'),
    ]
    both = block("tool_use", ("input_json_delta", {"partial_json": '{"x":2}'}), id="a", name="f", input={"x": 1})
    assert decoded(*both) == [CallStarted("a", "f"), CallDelta("a", '{"x":2}')]


def test_input_in_the_start_counts_also_where_the_stop_never_comes() -> None:
    assert CallDelta("a", '{"x":1}') in decoded(begin(0, "tool_use", id="a", name="f", input={"x": 1}))


def test_missing_and_repeated_call_ids_are_replaced_by_others() -> None:
    calls = [*block("tool_use", id="a", name="f"), *block("tool_use", id="a", name="f"), *block("tool_use", name="f")]
    ids = [event.call_id for event in decoded(*calls) if isinstance(event, CallStarted)]
    assert ids == ["a", "call_1_msg_1", "call_2_msg_1"]


@pytest.mark.parametrize(
    "kind", ["server_tool_use", "mcp_tool_use", "web_search_tool_result", "compaction", "new_kind"]
)
def test_what_the_host_does_itself_is_not_handed_to_the_client(kind: str) -> None:
    own = block(kind, ("input_json_delta", {"partial_json": "{}"}), id="srv", name="web_search", input={"q": 1})
    assert decoded(*own, *block("text", text="found", index=1)) == [TextDelta("found")]


def test_unknown_messages_and_deltas_are_passed_over() -> None:
    assert decoded({"type": "novelty"}, *block("text", ("glow_delta", {"glow": 1}), text="x")) == [TextDelta("x")]


def test_messages_without_an_index_belong_to_the_latest_block() -> None:
    call = block("tool_use", ("input_json_delta", {"partial_json": "{}"}), id="a", name="f")
    bare = [
        {name: value for name, value in element.items() if name != "index"}
        for element in [*block("text", text="x"), *call]
    ]
    assert decoded(*bare) == [TextDelta("x"), CallStarted("a", "f"), CallDelta("a", "{}")]


# --- usage ---


def test_input_tokens_include_what_the_cache_read_and_wrote() -> None:
    usage = {"input_tokens": 1, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 300, "output_tokens": 1}
    start = {"type": "message_start", "message": {"id": "m", "model": "c", "usage": usage}}
    details = {"output_tokens_details": {"thinking_tokens": 4}}
    events = decode(start, stops("end_turn", output_tokens=9, **details), STOP)
    assert events[1:3] == [UsageReported(321, 1, 20, 300, 0), UsageReported(321, 9, 20, 300, 4)]


def test_the_last_count_of_a_kind_stands_but_a_zero_or_null_takes_nothing_back() -> None:
    last = stops("end_turn", input_tokens=0, cache_read_input_tokens=None, output_tokens=5)
    assert decode(START, last, STOP)[-2] == UsageReported(3, 5)
    assert decode(START, stops("end_turn", input_tokens=70, output_tokens=5), STOP)[-2] == UsageReported(70, 5)


# --- the end ---


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("tool_use", "tool_calls"),
        ("max_tokens", "length"),
        ("pause_turn", "pause"),
        ("refusal", "content_filter"),
        ("sensitive", "content_filter"),
        ("newer_than_this_table", "stop"),
    ],
)
def test_each_stop_reason_has_its_meaning(reason: str, told: str) -> None:
    assert decode(START, stops(reason), STOP)[-1] == Finished(told)  # type: ignore[arg-type]


def test_a_refusal_brings_its_explanation() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "This asks for an exploit."}
    end = {"type": "message_delta", "delta": {"stop_reason": "refusal", "stop_details": details}}
    assert decode(START, end, STOP)[-1] == Finished("content_filter", "Anthropic: This asks for an exploit.")


def test_calls_win_over_a_plain_end() -> None:
    assert decode(START, *block("tool_use", id="a", name="f"), stops("end_turn"), STOP)[-1] == Finished("tool_calls")


def test_a_full_context_window_is_a_failure_only_where_nothing_could_be_said() -> None:
    full = stops("model_context_window_exceeded")
    assert failure(decode(START, full, STOP)).kind == "context_overflow"
    assert decode(START, *block("text", text="x"), full, STOP)[-1] == Finished("length")


def test_a_stop_reason_is_enough_of_an_end() -> None:
    assert decode(START, *block("text", text="x"), stops("end_turn"))[-1] == Finished("stop")


def test_an_end_without_a_stop_reason_is_a_cut() -> None:
    assert failure(decode(START, *block("text", text="x"))).kind == "cut"
    assert failure(decode()).kind == "cut"


def test_an_orderly_end_without_a_reason_counts_for_what_was_said() -> None:
    assert decode(START, *block("text", ("text_delta", {"text": "Hi"})), STOP)[-1] == Finished("stop")
    whole_call = block("tool_use", ("input_json_delta", {"partial_json": '{"cmd": "ls"}'}), id="a", name="f", input={})
    assert decode(START, *whole_call, STOP)[-1] == Finished("tool_calls")
    in_the_start = block("tool_use", id="a", name="f", input={"cmd": "ls"})
    assert decode(START, *in_the_start, STOP)[-1] == Finished("tool_calls")


@pytest.mark.parametrize("pieces", [[], [""], ['{"cmd": "rm -rf /tmp/x'], ["[1]"]])
def test_an_orderly_end_without_a_reason_releases_no_call_that_may_be_half(pieces: list[str]) -> None:
    deltas = [("input_json_delta", {"partial_json": piece}) for piece in pieces]
    good = block("tool_use", ("input_json_delta", {"partial_json": "{}"}), id="a", name="f", input={})
    half = block("tool_use", *deltas, index=1, id="b", name="f", input={})
    assert failure(decode(START, *good, *half, STOP)).kind == "cut"


def test_an_orderly_end_of_nothing_is_a_cut() -> None:
    assert failure(decode(START, STOP)).kind == "cut"


@pytest.mark.parametrize("reason", ["error", "abort", "network_error"])
def test_some_reasons_are_failures(reason: str) -> None:
    fault = failure(decode(START, *block("text", ("text_delta", {"text": "Hi"})), stops(reason), STOP))
    assert fault.kind == "server"
    assert reason in fault.message


def test_nothing_counts_after_the_end() -> None:
    events = decode(START, stops("end_turn"), STOP, *block("text", text="late"), STOP)
    assert events[-1] == Finished("stop")
    assert TextDelta("late") not in events


def test_an_error_in_the_stream_ends_it() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    fault = failure(decode(START, *block("text", text="x"), error, *block("text", text="late"), STOP))
    assert (fault.kind, fault.message) == ("overloaded", "Anthropic: Overloaded")


def test_an_error_needs_no_type() -> None:
    assert failure(decode(START, {"error": {"message": "rate limit reached"}})).kind == "rate_limited"


def test_signs_of_life_are_no_messages() -> None:
    decoder = AnthropicDecoder("Anthropic", AnthropicDialect())
    assert [decoder.feed(sse.Message("", data)) for data in (b"", b"[DONE]", b"alive")] == [[], [], []]


def test_the_event_line_stands_in_for_a_missing_type() -> None:
    decoder = AnthropicDecoder("Anthropic", AnthropicDialect())
    assert decoder.feed(sse.Message("message_start", b'{"message":{"id":"m","model":"c"}}')) == [Started("m", "c")]


def test_half_a_message_is_a_cut() -> None:
    decoder = AnthropicDecoder("Anthropic", AnthropicDialect())
    assert failure(decoder.feed(sse.Message("", b'{"type":"content_bl'))).kind == "cut"
    assert decoder.close() == []


def test_a_repeated_start_of_the_same_message_is_passed_over() -> None:
    events = decode(START, START, *block("text", text="x"), stops("end_turn"), STOP)
    assert [event for event in events if isinstance(event, Started)] == [Started("msg_1", "claude")]
    assert events[-1] == Finished("stop")


def test_a_second_answer_within_the_first_is_a_cut() -> None:
    other = {"type": "message_start", "message": {"id": "msg_2", "model": "claude"}}
    assert failure(decode(START, *block("text", text="x"), other, stops("end_turn"), STOP)).kind == "cut"


# --- whole bodies ---


def whole(body: Any) -> list[Event]:
    decoder = AnthropicDecoder("Z.AI", AnthropicDialect())
    return decoder.whole(body) + decoder.close()


def test_a_whole_body_says_the_same_as_a_stream() -> None:
    thought = {"type": "thinking", "thinking": "a", "signature": "s"}
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}}
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": "x"}}
    content = [thought, {"type": "redacted_thinking", "data": "d"}, search, {"type": "text", "text": "x"}, call]
    usage = {"input_tokens": 3, "output_tokens": 5}
    start = {"type": "message_start", "message": {"id": "m", "model": "c", "usage": usage}}
    streamed = [element for index, part in enumerate(content) for element in (begin(index, **kindly(part)), end(index))]
    body = {"id": "m", "model": "c", "type": "message", "content": content, "stop_reason": "tool_use", "usage": usage}
    assert whole(body) == decode(start, *streamed, stops("tool_use"), STOP)


def kindly(part: Json) -> Json:
    return {"kind": part["type"], **{name: value for name, value in part.items() if name != "type"}}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}, "rate_limited"),
        ({"code": 1113, "msg": "Insufficient balance", "success": False}, "quota"),
        ({}, "server"),
        ([], "server"),
        (None, "server"),
    ],
)
def test_a_whole_body_that_is_no_message_is_a_fault(body: Any, kind: str) -> None:
    assert failure(whole(body)).kind == kind


# --- how much ---


def test_blocks_that_never_stop_cost_the_same_each() -> None:
    def work(count: int) -> int:
        decoder = AnthropicDecoder("Anthropic", AnthropicDialect())
        starts = [message(begin(index, "tool_use", id="the one", name="f", input={})) for index in range(count)]
        return steps(lambda: [decoder.feed(element) for element in starts])

    work(10)
    assert work(2000) < 12 * work(200)
