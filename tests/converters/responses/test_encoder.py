from typing import Any

import pytest

from converters import seal
from converters.errors import Client, Fault
from converters.events import (
    CallDelta,
    CallStarted,
    Event,
    Failed,
    Finished,
    ReasoningDelta,
    ReasoningSealed,
    Started,
    StopReason,
    TextDelta,
    UsageReported,
)
from converters.jsontext import Json
from converters.responses import wire
from converters.responses.encoder import CONTINUED_FAMILY, MOST_ITEMS, Encoder
from converters.tools import lower
from tests import referee
from tests.steps import steps
from tests.strategies import REQUEST

START = Started("chatcmpl-A1", "glm-5.2-0711")
A = TextDelta("a")
SEALED = ReasoningSealed(seal.wrap("chat", "signature"))


def request(*items: Json) -> wire.Request:
    return wire.read({**REQUEST.raw, "input": [{"role": "user", "content": "Fix it."}, *items]})


def encode(
    *events: Event,
    asked: wire.Request = REQUEST,
    client: Client = "codex",
    **options: bool,
) -> list[Json]:
    encoder = Encoder(asked, lower(asked), created_at=7, client=client, **options)
    return referee.read(encoder.feed(events) + encoder.close())


def kinds(told: list[Json]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in told]


def done(told: list[Json]) -> list[Json]:
    return [event["item"] for event in told if event["type"] == "response.output_item.done"]


def texts(told: list[Json]) -> list[Any]:
    return [item["content"][0]["text"] for item in told[-1]["response"]["output"] if item["type"] == "message"]


def test_a_text_is_added_grows_and_is_done() -> None:
    result = encode(START, TextDelta("Hel"), TextDelta("lo"), Finished("stop"))
    assert kinds(result) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert result[4] == {
        "type": "response.output_text.delta",
        "sequence_number": 4,
        "item_id": "msg_A1_0",
        "output_index": 0,
        "content_index": 0,
        "delta": "Hel",
        "logprobs": [],
    }
    assert result[-1]["response"]["output"] == [
        {
            "type": "message",
            "id": "msg_A1_0",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}],
        }
    ]


def test_the_client_reads_the_model_that_it_asked_for() -> None:
    assert {event["response"]["model"] for event in encode(START, Finished("stop")) if "response" in event} == {
        "glm-5.2"
    }


def test_a_stream_begins_also_where_the_upstream_does_not_say_so() -> None:
    result = encode(TextDelta("a"), START, Finished("stop"))
    assert kinds(result)[:3] == ["created", "in_progress", "output_item.added"]
    assert result[0]["response"]["id"] == result[-1]["response"]["id"] != "resp_A1"


def test_nothing_is_told_after_the_end() -> None:
    encoder = Encoder(REQUEST, lower(REQUEST), created_at=7, client="codex")
    encoder.feed([Finished("stop")])
    assert encoder.ended
    assert [encoder.feed([TextDelta("a")]), encoder.feed([Failed(Fault("cut", "late"))]), encoder.close()] == [
        b"",
        b"",
        b"",
    ]
    assert (encoder.fault, encoder.response["status"]) == (None, "completed")


# --- thinking ---


def test_thinking_is_told_as_a_summary_before_the_text() -> None:
    result = encode(START, ReasoningDelta("Let me "), ReasoningDelta("see."), TextDelta("Yes."), Finished("stop"))
    assert kinds(result)[2:9] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]
    assert done(result)[0] == {
        "type": "reasoning",
        "id": "rs_A1_0",
        "status": "completed",
        "summary": [{"type": "summary_text", "text": "Let me see."}],
        "encrypted_content": seal.OPEN,
    }


def test_a_seal_ends_the_thinking_before_it() -> None:
    first, second = done(encode(ReasoningDelta("a"), SEALED, ReasoningDelta("b"), Finished("stop")))
    assert first["encrypted_content"] == SEALED.seal
    assert second["encrypted_content"] == seal.OPEN, "whose it is, though nobody wants it back"


def test_a_seal_without_thinking_is_an_item_of_its_own() -> None:
    result = encode(START, TextDelta("a"), SEALED, TextDelta("b"), Finished("stop"))
    assert [item["type"] for item in done(result)] == ["message", "reasoning", "message"]
    assert done(result)[1]["summary"] == []
    assert "reasoning_summary_part.added" not in kinds(result)


# --- calls ---


def test_a_call_ends_only_with_the_answer() -> None:
    call = [CallStarted("c", "exec_command"), CallDelta("c", '{"ms":1}')]
    result = encode(START, *call, TextDelta("Running."), Finished("tool_calls"))
    assert [item["type"] for item in done(result)] == ["message", "function_call"]
    assert [item["type"] for item in result[-1]["response"]["output"]] == ["function_call", "message"]
    assert done(result)[1] == {
        "type": "function_call",
        "id": "fc_A1_0",
        "status": "completed",
        "call_id": "c",
        "name": "exec_command",
        "arguments": '{"ms":1}',
    }


def test_deltas_of_parallel_calls_may_interleave() -> None:
    starts = [CallStarted("a", "exec_command"), CallStarted("b", "exec_command")]
    deltas = [CallDelta("b", '{"x"'), CallDelta("a", "{"), CallDelta("b", ":1}"), CallDelta("a", "}")]
    result = encode(*starts, *deltas, Finished("stop"))
    assert [(item["call_id"], item["arguments"]) for item in done(result)] == [("a", "{}"), ("b", '{"x":1}')]


def test_a_custom_tool_gets_the_bare_text() -> None:
    arguments = ['{"input":"*** Be', 'gin Patch\\n"}']
    result = encode(
        START, CallStarted("c", "apply_patch"), *(CallDelta("c", element) for element in arguments), Finished("stop")
    )
    assert kinds(result)[2:] == [
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
        "completed",
    ]
    assert done(result) == [
        {
            "type": "custom_tool_call",
            "id": "ctc_A1_0",
            "call_id": "c",
            "name": "apply_patch",
            "input": "*** Begin Patch\n",
        }
    ]


def test_a_tool_search_gets_an_object() -> None:
    result = encode(START, CallStarted("c", "tool_search"), CallDelta("c", '{"query":"clock"}'), Finished("stop"))
    assert done(result) == [
        {
            "type": "tool_search_call",
            "id": "tsc_A1_0",
            "status": "completed",
            "call_id": "c",
            "execution": "client",
            "arguments": {"query": "clock"},
        }
    ]


def test_a_tool_of_a_namespace_is_named_as_codex_knows_it() -> None:
    (item,) = done(encode(CallStarted("c", "mcp__clock__now"), Finished("stop")))
    assert (item["namespace"], item["name"], item["arguments"]) == ("mcp__clock", "now", "{}")


def test_an_unknown_tool_is_called_as_the_model_wrote_it() -> None:
    (item,) = done(encode(CallStarted("c", "no.such"), CallDelta("c", "{}"), Finished("stop")))
    assert (item["type"], item["name"]) == ("function_call", "no.such")


def test_empty_arguments_are_an_empty_object_also_in_the_deltas() -> None:
    result = encode(CallStarted("c", "exec_command"), Finished("stop"))
    assert [event["delta"] for event in result if "delta" in event] == ["{}"]
    assert done(result)[0]["arguments"] == "{}"


def test_a_call_id_of_the_history_is_not_given_again() -> None:
    call = {"type": "function_call", "call_id": "call_0", "name": "exec_command", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "call_0", "output": "ok"}
    events = [START, CallStarted("call_0", "exec_command"), CallStarted("call_1", "exec_command"), Finished("stop")]
    first, second = done(encode(*events, asked=request(call, output)))
    assert first["call_id"] != "call_0"
    assert first["call_id"].startswith("call_0_")
    assert second["call_id"] == "call_1"


def test_two_calls_of_an_answer_never_share_an_id() -> None:
    result = encode(START, *[CallStarted("", "exec_command"), CallStarted("x", "apply_patch")] * 3, Finished("stop"))
    assert len({item["call_id"] for item in done(result)}) == 6


# --- ends ---


def test_usage_is_told_at_the_end_and_the_last_report_counts() -> None:
    reports = [UsageReported(1, 1), UsageReported(10, 5, cached_tokens=4, cache_write_tokens=3, reasoning_tokens=2)]
    result = encode(*reports, Finished("stop"))
    assert result[-1]["response"]["usage"] == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 15,
    }


def test_without_any_report_usage_is_null() -> None:
    assert encode(Finished("stop"))[-1]["response"]["usage"] is None


def test_an_answer_without_anything_said_is_complete_and_empty() -> None:
    response = encode(START, Finished("stop"))[-1]["response"]
    assert (response["status"], response["output"], response["completed_at"]) == ("completed", [], 7)
    assert "end_turn" not in response


@pytest.mark.parametrize("client", ["codex", "other"])
def test_an_answer_cut_by_its_length_says_so(client: Client) -> None:
    result = encode(
        TextDelta("a"), CallStarted("c", "exec_command"), CallDelta("c", '{"m'), Finished("length"), client=client
    )
    response = result[-1]["response"]
    assert (result[-1]["type"], response["status"]) == ("response.incomplete", "incomplete")
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert response["completed_at"] is None
    assert [(item["type"], item["status"]) for item in response["output"]] == [
        ("message", "completed"),
        ("function_call", "incomplete"),
    ]
    assert response["output"][1]["arguments"] == '{"m'
    assert len(done(result)) == 1


def test_the_text_that_the_limit_cut_is_kept_as_incomplete() -> None:
    (item,) = done(encode(TextDelta("a"), Finished("length")))
    assert item["status"] == "incomplete"


@pytest.mark.parametrize("name", ["exec_command", "apply_patch", "tool_search"])
def test_an_unfinished_call_of_any_kind_stands_as_incomplete(name: str) -> None:
    result = encode(CallStarted("c", name), CallDelta("c", '{"input": "x'), Failed(Fault("cut", "gone")))
    (item,) = result[-1]["response"]["output"]
    assert item["status"] == "incomplete"
    assert done(result) == []


def test_a_failure_tells_why_and_ends_nothing() -> None:
    result = encode(START, TextDelta("a"), Failed(Fault("overloaded", "Z.AI is busy")))
    response = result[-1]["response"]
    assert (result[-1]["type"], response["status"]) == ("response.failed", "failed")
    assert response["error"] == {"code": "server_error", "message": "Z.AI is busy"}
    assert texts(result) == ["a"]
    assert done(result) == []


def test_a_stream_that_only_stops_has_failed() -> None:
    encoder = Encoder(REQUEST, lower(REQUEST), created_at=7, client="codex")
    encoder.feed([TextDelta("a")])
    assert kinds(referee.read(encoder.close())) == ["failed"]
    assert encoder.fault is not None
    assert encoder.fault.kind == "cut"


def test_codex_is_told_of_a_content_filter_without_trying_again() -> None:
    result = encode(TextDelta("a"), Finished("content_filter"))
    assert result[-1]["response"]["error"]["code"] == "content_policy_violation"
    assert done(result)[0]["content"][0]["text"] == "a"


def test_codex_is_told_what_the_filter_s_owner_says_of_it() -> None:
    result = encode(TextDelta("a"), Finished("content_filter", "Acme: no poisons"))
    assert result[-1]["response"]["error"]["message"].endswith("stopped the answer. Acme: no poisons")


def test_others_are_told_of_a_content_filter_as_openai_does() -> None:
    response = encode(TextDelta("a"), Finished("content_filter"), client="other")[-1]["response"]
    assert response["incomplete_details"] == {"reason": "content_filter"}


# --- going on by itself ---


def goes_on(reason: StopReason, *items: Json, said: Event = A, **options: Any) -> bool:
    response = encode(START, said, Finished(reason), asked=request(*items), **options)[-1]["response"]
    return response["status"] == "completed" and response.get("end_turn") is False


def mark_of(told: list[Json]) -> Json:
    return told[-1]["response"]["output"][-1]


def test_codex_goes_on_after_a_pause() -> None:
    assert goes_on("pause")
    assert not goes_on("pause", client="other")


def test_codex_goes_on_after_the_length_limit_where_that_is_wanted() -> None:
    assert goes_on("length", continue_on_length=True)
    assert not goes_on("length")
    assert not goes_on("length", continue_on_length=True, client="other")


def test_an_answer_with_nothing_said_is_not_continued() -> None:
    assert not goes_on("length", said=CallStarted("c", "exec_command"), continue_on_length=True)
    assert not goes_on("pause", said=TextDelta(""))


def test_an_answer_to_be_continued_carries_a_mark_that_codex_sends_back() -> None:
    result = encode(START, TextDelta("a"), Finished("pause"))
    assert (mark_of(result)["type"], mark_of(result)["summary"]) == ("reasoning", [])
    assert seal.unwrap(CONTINUED_FAMILY, mark_of(result)["encrypted_content"]) == 1
    assert mark_of(result) == done(result)[-1]


def test_codex_goes_on_three_times_in_a_turn() -> None:
    history: list[Json] = []
    for _ in range(3):
        assert goes_on("pause", *history)
        history.append(mark_of(encode(START, TextDelta("a"), Finished("pause"), asked=request(*history))))
    assert not goes_on("pause", *history)
    assert not goes_on("length", *history, continue_on_length=True)
    assert goes_on("pause", *history, {"role": "user", "content": "Go on."})


CALLED = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "done"}


@pytest.mark.parametrize("said", [TextDelta(""), ReasoningDelta("hm"), SEALED])
def test_codex_asks_once_more_after_a_tool_s_output_that_got_no_answer(said: Event) -> None:
    history = [CALLED, OUTPUT]
    assert goes_on("stop", *history, said=said, continue_on_empty=True)
    mark = mark_of(encode(START, said, Finished("stop"), asked=request(*history), continue_on_empty=True))
    assert not goes_on("stop", *history, mark, said=said, continue_on_empty=True)
    assert not goes_on("stop", *history, said=said)
    assert not goes_on("stop", *history, said=said, continue_on_empty=True, client="other")


def test_codex_does_not_ask_again_where_something_was_said_or_no_tool_was_answered() -> None:
    assert not goes_on("stop", CALLED, OUTPUT, said=A, continue_on_empty=True)
    assert not goes_on("tool_calls", CALLED, OUTPUT, said=CallStarted("d", "f"), continue_on_empty=True)
    assert not goes_on("stop", said=ReasoningDelta("hm"), continue_on_empty=True)


# --- how much ---


def test_an_answer_without_end_is_stopped() -> None:
    events = [CallStarted(f"c{number}", "exec_command") for number in range(MOST_ITEMS + 5)]
    result = encode(*events, Finished("stop"))
    assert result[-1]["type"] == "response.failed"
    assert "10,000" in result[-1]["response"]["error"]["message"]
    assert done(result) == [], "none of its calls is run"


def test_calls_of_one_id_cost_the_same_each() -> None:
    def work(count: int) -> int:
        encoder = Encoder(REQUEST, lower(REQUEST), created_at=7, client="codex")
        events = [CallStarted("the one", "exec_command") for _ in range(count)]
        return steps(lambda: encoder.feed(events))

    work(10)
    assert work(2000) < 12 * work(200)
