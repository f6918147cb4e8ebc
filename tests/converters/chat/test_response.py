"""Chat answers as events."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import jsontext, sse
from converters.chat.dialect import ChatDialect
from converters.chat.response import ChatDecoder
from converters.errors import Fault
from converters.events import (
    CallDelta,
    CallStarted,
    Failed,
    Finished,
    ReasoningDelta,
    ReasoningSealed,
    Started,
    TextDelta,
    UsageReported,
)
from converters.jsontext import Json
from tests.converters.chat.sample_responses import (
    DONE,
    calling,
    calls,
    chunk,
    content_events,
    decoded,
    entry,
    message,
    seals,
)

COUNTS = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


# --- beginning and end ---


def test_an_answer_starts_speaks_and_ends() -> None:
    events = decoded(chunk({"role": "assistant", "content": ""}), chunk({"content": "Hi"}), chunk({}, "stop"), DONE)
    assert events == [Started("chatcmpl-1", "glm-5.2"), TextDelta("Hi"), Finished("stop")]


def test_a_first_chunk_without_choices_is_no_start() -> None:
    azure = message({"id": "", "model": "", "choices": [], "prompt_filter_results": []})
    assert decoded(azure, chunk({"content": "Hi"}, "stop"))[0] == Started("chatcmpl-1", "glm-5.2")


def test_done_is_not_needed() -> None:
    assert decoded(chunk({"content": "Hi"}, "stop"))[-1] == Finished("stop")


def test_usage_comes_before_the_end_wherever_it_stood() -> None:
    events = decoded(
        chunk({"content": "Hi"}, usage=None), chunk({}, "stop"), message({"choices": [], "usage": COUNTS}), DONE
    )
    assert events[-2:] == [UsageReported(10, 5), Finished("stop")]


def test_repeated_usage_and_a_repeated_finish_are_told_once() -> None:
    events = decoded(*[chunk({}, "stop", usage=COUNTS)] * 3, message({"choices": [], "usage": COUNTS}), DONE)
    assert events[1:] == [UsageReported(10, 5), Finished("stop")]


def test_nothing_is_heard_after_the_end() -> None:
    events = decoded(chunk({"content": "Hi"}, "stop"), DONE, chunk({"content": "more"}), DONE)
    assert events[1:] == [TextDelta("Hi"), Finished("stop")]


def test_what_comes_with_the_finish_is_said_before_it() -> None:
    events = decoded(chunk({"content": "Hi", "tool_calls": [entry(0, "a", "f", "{}")]}, "tool_calls"))
    assert events[1:] == [TextDelta("Hi"), CallStarted("a", "f"), CallDelta("a", "{}"), Finished("tool_calls")]


def test_a_text_after_the_finish_is_said_too() -> None:
    assert TextDelta("late") in decoded(chunk({}, "stop"), chunk({"content": "late"}), DONE)


def test_a_call_wins_over_stop() -> None:
    assert decoded(calling(entry(0, "a", "f")), chunk({}, "stop"))[-1] == Finished("tool_calls")


def test_a_call_does_not_win_over_length() -> None:
    assert decoded(calling(entry(0, "a", "f")), chunk({}, "length"))[-1] == Finished("length")


def test_other_choices_are_left_out() -> None:
    second = message({"id": "1", "choices": [{"index": 1, "delta": {"content": "other"}, "finish_reason": "length"}]})
    assert decoded(chunk({"content": "Hi"}), second, chunk({}, "stop"), second)[1:] == [
        TextDelta("Hi"),
        Finished("stop"),
    ]


# --- broken answers ---


def fault(*said: sse.Message, **flags: Any) -> Fault:
    last = decoded(*said, **flags)[-1]
    assert isinstance(last, Failed)
    return last.fault


def test_an_end_without_a_finish_is_a_cut() -> None:
    assert fault(chunk({"content": "Hi"})).kind == "cut"
    assert fault().kind == "cut"


def test_an_empty_finish_is_no_finish() -> None:
    assert fault(chunk({"content": "Hi"}, "")).kind == "cut"


def test_done_without_a_finish_ends_an_answer_that_said_something() -> None:
    assert decoded(chunk({"content": "Hi"}), DONE)[-1] == Finished("stop")


@pytest.mark.parametrize("arguments", ["{}", '{"cmd": "ls"}'])
def test_done_without_a_finish_ends_calls_that_show_that_they_are_whole(arguments: str) -> None:
    assert decoded(calling(entry(0, "a", "f", arguments)), DONE)[-1] == Finished("tool_calls")


@pytest.mark.parametrize(
    "last",
    [
        entry(1, "b", "g"),
        entry(1, "b", "g", '{"cmd": "rm -rf /tmp/x'),
        entry(1, "b", "g", "[1]"),
        entry(1, "b", None, "{}"),
        entry(1, "b", "g", {"cmd": "rm"}),  # the rest of it may have been to come
        {"index": 1, "id": "b", "type": "custom", "custom": {"name": "apply_patch", "input": "*** Begin Patch"}},
    ],
)
def test_half_a_call_is_a_cut_whatever_done_says(last: Json) -> None:
    assert fault(calling(entry(0, "a", "f", "{}")), calling(last), DONE).kind == "cut"


def test_done_without_a_word_is_a_cut() -> None:
    assert fault(chunk({"role": "assistant", "content": ""}), DONE).kind == "cut"


def test_a_cut_tells_the_upstreams_last_words() -> None:
    assert (
        "upstream connect error" in fault(chunk({"content": "Hi"}), sse.Message("", b"upstream connect error")).message
    )


def test_a_keep_alive_in_the_stream_says_nothing() -> None:
    assert content_events(sse.Message("", b""), sse.Message("", b": keep-alive")) == []


@pytest.mark.parametrize(
    "broken",
    [
        message({"error": {"message": "no", "code": 502}}),
        message({"error": {"message": "no", "status_code": 502}}, event="error"),
        message({"message": "no", "code": 502}, event="error"),
        chunk({"content": "x"}, "stop", error={"message": "no", "code": 502}),
        message({"choices": [{"index": 0, "delta": {}, "error": {"message": "no", "code": 502}}]}),
        chunk({}, "error"),
    ],
)
def test_an_error_in_the_stream_ends_it_at_once(broken: sse.Message) -> None:
    events = decoded(chunk({"content": "Hi"}), broken, chunk({"content": "more"}, "stop"), DONE)
    assert TextDelta("more") not in events
    assert [type(event) for event in events].count(Failed) == 1
    assert isinstance(events[-1], Failed) and events[-1].fault.kind == "server"


def test_counts_are_told_of_a_broken_answer_too() -> None:
    events = decoded(chunk({"content": "Hi"}, usage=COUNTS))
    assert events[-2] == UsageReported(10, 5)


def test_a_chunk_that_is_not_json_is_a_fault_of_the_upstream() -> None:
    assert fault(sse.Message("", b'{"choices": [')).kind == "server"


def test_a_length_limit_before_the_first_word_means_that_the_prompt_is_too_long() -> None:
    assert fault(chunk({}, "length")).kind == "context_overflow"
    assert decoded(chunk({}, "length", usage=COUNTS))[-1] == Finished("length")
    assert decoded(chunk({"content": "Hi"}, "length"))[-1] == Finished("length")


# --- text and thinking ---


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "reasoning_text"])
def test_thinking_has_many_names(field: str) -> None:
    assert content_events(chunk({field: "why", "content": None})) == [ReasoningDelta("why")]


def test_thinking_under_two_names_is_told_once() -> None:
    details = [{"type": "reasoning.text", "text": "why"}]
    both = chunk({"reasoning_content": "why", "reasoning": "why", "reasoning_details": details})
    assert content_events(both) == [ReasoningDelta("why")]


def test_thinking_comes_before_the_text_of_the_same_chunk() -> None:
    assert content_events(chunk({"content": "because", "reasoning": "why"})) == [
        ReasoningDelta("why"),
        TextDelta("because"),
    ]


def test_details_are_shown_where_no_plain_thinking_comes() -> None:
    details = [{"type": "reasoning.summary", "summary": "why"}, {"type": "reasoning.encrypted", "data": "x"}]
    assert content_events(chunk({"reasoning_details": details})) == [ReasoningDelta("why")]


def test_content_may_be_a_list_of_parts() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "why"}]}
    events = content_events(
        chunk({"content": [thinking]}),
        chunk({"content": [{"type": "text", "text": "be"}, {"type": "reference", "reference_ids": [1]}]}),
        chunk({"content": "cause"}),
    )
    assert events == [ReasoningDelta("why"), TextDelta("be"), TextDelta("cause")]


def test_a_refusal_is_text() -> None:
    assert content_events(chunk({"content": "", "refusal": "No."})) == [TextDelta("No.")]


def test_think_tags_are_thinking() -> None:
    events = content_events(
        chunk({"content": "<th"}), chunk({"content": "ink>why</think>\n\nbe"}), chunk({"content": "cause"})
    )
    assert events == [ReasoningDelta("why"), TextDelta("be"), TextDelta("cause")]


def test_thinking_that_the_prompt_opened_is_thinking() -> None:
    result = (chunk({"content": "why</thi"}), chunk({"content": "nk>because"}))
    assert content_events(*result, think_opened=True) == [ReasoningDelta("why"), TextDelta("because")]


def test_think_tags_stay_where_they_are_no_thinking() -> None:
    assert content_events(chunk({"content": "<think>"}), think_tags=False) == [TextDelta("<think>")]


def test_a_text_that_only_looked_like_a_tag_comes_before_the_call() -> None:
    events = content_events(chunk({"content": "<thi"}), calling(entry(0, "a", "f")))
    assert events == [TextDelta("<thi"), CallStarted("a", "f")]


def test_whole_texts_so_far_are_told_once() -> None:
    events = content_events(
        chunk({"reasoning_content": "wh"}),
        chunk({"reasoning_content": "why"}),
        chunk({"reasoning_content": "why", "content": "be"}),
        chunk({"content": "because"}),
        chunk({"content": "because"}),
        cumulative=True,
    )
    assert events == [ReasoningDelta("wh"), ReasoningDelta("y"), TextDelta("be"), TextDelta("cause")]


def test_a_text_that_does_not_begin_with_the_text_so_far_is_a_plain_piece() -> None:
    events = content_events(
        chunk({"content": "be"}), chunk({"content": "cause"}), chunk({"content": "because"}), cumulative=True
    )
    assert events == [TextDelta("be"), TextDelta("cause")]


def test_thinking_in_parts_may_be_a_string() -> None:
    assert content_events(chunk({"content": [{"type": "thinking", "thinking": "why"}]})) == [ReasoningDelta("why")]


# --- what goes back ---


def test_thinking_is_sealed_before_what_follows_it() -> None:
    events = content_events(
        chunk({"reasoning": "w"}), chunk({"reasoning": "hy"}), chunk({"content": "be"}), reasoning_back="text"
    )
    assert [type(event) for event in events] == [ReasoningDelta, ReasoningDelta, ReasoningSealed, TextDelta]
    assert seals(events) == [{"text": "why"}]


def test_each_thinking_has_a_seal_of_its_own() -> None:
    events = content_events(
        chunk({"reasoning": "a"}),
        chunk({"content": "b"}),
        chunk({"reasoning": "c"}),
        calling(entry(0, "a", "f")),
        chunk({"reasoning": "d"}),
        reasoning_back="exact",
    )
    assert seals(events) == [{"text": "a"}, {"text": "c"}, {"text": "d"}]


def test_nothing_is_sealed_that_nobody_wants_back() -> None:
    assert seals(content_events(chunk({"reasoning": "why"}), chunk({"content": "be"}))) == []


def test_details_are_sealed_whole() -> None:
    pieces: list[Json] = [
        {"type": "reasoning.text", "text": "w", "index": 0, "format": "anthropic-claude-v1"},
        {"type": "reasoning.text", "text": "hy", "index": 0, "format": "anthropic-claude-v1"},
        {"type": "reasoning.text", "signature": "s", "index": 0, "format": "anthropic-claude-v1"},
    ]
    events = content_events(*[chunk({"reasoning_details": [piece]}) for piece in pieces], reasoning_back="details")
    assert seals(events) == [{"details": [{**pieces[0], "text": "why", "signature": "s"}]}]


def test_only_the_text_is_sealed_for_a_host_that_wants_text() -> None:
    both = chunk({"reasoning": "why", "reasoning_details": [{"type": "reasoning.text", "text": "why"}]})
    assert seals(content_events(both, reasoning_back="exact")) == [{"text": "why"}]


def test_details_that_come_late_are_sealed_at_the_end() -> None:
    secret = {"type": "reasoning.encrypted", "data": "x"}
    events = content_events(chunk({"content": "be"}), chunk({"reasoning_details": [secret]}), reasoning_back="details")
    assert seals(events) == [{"details": [secret]}]
    assert isinstance(events[-1], ReasoningSealed)


def test_a_calls_signature_is_sealed_before_the_call() -> None:
    signature = {"google": {"thought_signature": "s"}}
    events = content_events(calling({**entry(0, "a", "f", "{}"), "extra_content": signature}), call_signatures=True)
    assert seals(events) == [{"signatures": {"a": signature}}]
    assert isinstance(events[0], ReasoningSealed)


def test_a_signature_is_not_kept_where_it_is_not_wanted() -> None:
    assert (
        seals(content_events(calling({**entry(0, "a", "f"), "extra_content": {"x": 1}}), reasoning_back="text")) == []
    )


# --- bodies that are no stream ---


def whole(body: Any, **flags: Any) -> list[Any]:
    decoder = ChatDecoder("Zed", ChatDialect(**flags))
    return decoder.whole(body) + decoder.close()


def whole_response(said: Json, finish: str | None = "stop", **fields: Any) -> Json:
    choices = [{"index": 0, "message": {"role": "assistant", **said}, "finish_reason": finish}]
    return {"id": "chatcmpl-1", "model": "glm-5.2", "choices": choices, "usage": COUNTS, **fields}


def test_a_whole_body_gives_the_events_of_a_stream() -> None:
    body = whole_response({"reasoning": "why", "content": "because", "tool_calls": [entry(None, "a", "f", "{}")]})
    assert whole(body) == [
        Started("chatcmpl-1", "glm-5.2"),
        ReasoningDelta("why"),
        TextDelta("because"),
        CallStarted("a", "f"),
        CallDelta("a", "{}"),
        UsageReported(10, 5),
        Finished("tool_calls"),
    ]


def test_several_calls_of_a_whole_body_are_several() -> None:
    entries = [entry(None, "a", "f", "{}"), entry(None, "b", "f", "{}"), entry(None, "b", "f", "{}")]
    assert len(calls(whole(whole_response({"tool_calls": entries})))) == 3


def test_a_whole_body_without_a_finish_counts_as_far_as_it_is_whole() -> None:
    assert whole(whole_response({"content": "because"}, None))[-1] == Finished("stop")
    assert whole(whole_response({"tool_calls": [entry(None, "a", "f", "{}")]}, None))[-1] == Finished("tool_calls")
    half = whole(whole_response({"tool_calls": [entry(None, "a", "f", '{"cmd": "rm')]}, None))
    assert isinstance(half[-1], Failed)


def test_a_whole_message_wins_over_an_empty_delta_beside_it() -> None:
    body = whole_response({"content": "because"})
    body["choices"][0]["delta"] = {"role": "assistant", "content": ""}
    assert TextDelta("because") in whole(body)


@pytest.mark.parametrize("finish", ["", None])
def test_a_whole_body_that_says_something_is_finished(finish: str | None) -> None:
    assert whole(whole_response({"content": "because"}, finish))[-1] == Finished("stop")


def test_a_whole_body_that_says_nothing_is_a_cut() -> None:
    assert whole(whole_response({"content": ""}, None))[-1].fault.kind == "cut"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"message": "Provider returned error", "code": 502}}, "server"),
        ({"code": 1113, "msg": "Insufficient balance", "success": False}, "quota"),
        ({"choices": None, "base_resp": {"status_code": 1002, "status_msg": "rate limit"}}, "rate_limited"),
        (whole_response({"content": "x"}, base_resp={"status_code": 1039, "status_msg": "tokens"}), "rate_limited"),
        ({"detail": "Unauthorized"}, "auth"),
        ({"choices": []}, "server"),
        ([], "server"),
        ("nope", "server"),
    ],
)
def test_an_error_in_a_whole_body_is_told(body: Any, kind: str) -> None:
    events = whole(body)
    assert [type(event) for event in events if not isinstance(event, UsageReported)] == [Failed]
    assert events[-1].fault.kind == kind


# --- laws ---

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
DELTAS = st.one_of(
    st.builds(lambda text: {"content": text}, TEXTS | st.sampled_from(["<think>", "</think>"])),
    st.builds(lambda text: {"reasoning_content": text}, TEXTS),
    st.builds(lambda text: {"reasoning": text, "reasoning_details": [{"text": text, "index": 0}]}, TEXTS),
    st.builds(
        lambda *fields: {"tool_calls": [entry(*fields)]},
        st.sampled_from([None, 0, 1]),
        st.sampled_from([None, "", "a", "b"]),
        st.sampled_from([None, "", "f", "g"]),
        st.sampled_from([None, "", "{", "}", "{}"]),
    ),
)
ENDS = st.sampled_from([None, "stop", "length", "tool_calls", "error"])


@given(st.lists(DELTAS, max_size=8), ENDS, st.integers(1, 40))
def test_a_cut_of_the_bytes_changes_nothing(deltas: list[Json], end: str | None, size: int) -> None:
    result = [*[chunk(delta) for delta in deltas], chunk({}, end)]
    stream = b"".join(b"data: %b\n\n" % event.data for event in result)
    parser = sse.Parser()
    messages = [
        event for at in range(0, len(stream), size) for event in parser.feed(stream[at : at + size])
    ] + parser.close()
    assert decoded(*messages, reasoning_back="details") == decoded(*result, reasoning_back="details")


@given(st.lists(DELTAS, max_size=8), ENDS)
def test_any_answer_ends_once_and_has_no_empty_pieces(deltas: list[Json], end: str | None) -> None:
    events = decoded(*[chunk(delta) for delta in deltas], chunk({}, end), reasoning_back="details")
    ends = [event for event in events if isinstance(event, Finished | Failed)]
    assert ends == events[-1:]
    assert all(event.text for event in events if isinstance(event, TextDelta | ReasoningDelta))
    started = [event.call_id for event in events if isinstance(event, CallStarted)]
    assert len(started) == len(set(started))
    assert all(event.arguments and event.call_id in started for event in events if isinstance(event, CallDelta))


def test_half_a_character_is_kept_for_its_other_half() -> None:
    data = jsontext.dumps({"choices": [{"index": 0, "delta": {"content": "X"}}]}).replace(b"X", rb"\ud83d")
    assert content_events(sse.Message("", data)) == [TextDelta("\ud83d")]


def test_half_a_character_of_a_text_so_far_comes_whole_with_the_next() -> None:
    half, whole = chunk({"content": "a X"}), chunk({"content": "a 😀"})
    half.data = half.data.replace(b"X", rb"\ud83d")
    assert content_events(half, whole, cumulative=True) == [TextDelta("a "), TextDelta("😀")]
