from typing import Any

import pytest

from converters import seal, tools
from converters.errors import Client, Fault
from converters.events import (
    CallStarted,
    Event,
    Failed,
    Finished,
    ReasoningDelta,
    Started,
    StopReason,
    TextDelta,
    UsageReported,
)
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import history, wire
from converters.responses.compaction import PROMPT, CompactionEncoder, compact_body, is_compaction, rewrite
from tests import referee
from tests.strategies import REQUEST

TRIGGER = {"type": "compaction_trigger"}
USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Fix it."}]}
START = Started("chatcmpl-A1", "glm-5.2-0711")


def request(*items: Json, **more: Any) -> wire.Request:
    return wire.read({**REQUEST.raw, "input": list(items), **more})


def encode(*events: Event, client: Client = "codex") -> tuple[CompactionEncoder, list[Json]]:
    encoder = CompactionEncoder(request(USER, TRIGGER), tools.Toolbox(), created_at=7, client=client)
    result = referee.read(encoder.feed(events) + encoder.close())
    for event in result:
        referee.check_event(event)
    return encoder, result


# --- the request ---


def test_only_a_trigger_makes_a_compaction() -> None:
    assert is_compaction(request(USER, TRIGGER))
    assert not is_compaction(request(USER))


def test_the_question_takes_the_trigger_s_place() -> None:
    result = rewrite(request(USER, TRIGGER))
    turns = history.conversation(result, Losses()).turns
    assert [part.text for turn in turns if isinstance(turn, history.InputMessage) for part in turn.parts] == [
        "Fix it.",
        PROMPT,
    ]
    assert not is_compaction(result)


def test_without_a_trigger_the_question_comes_last() -> None:
    result = rewrite(request(USER))
    assert [getattr(item, "content", None) for item in result.input][-1] == PROMPT
    assert len(result.input) == 2


def test_no_tool_is_offered_wherever_it_was_declared() -> None:
    declared = [{"type": "function", "name": "f"}]
    result = rewrite(
        request(
            {"type": "additional_tools", "role": "developer", "tools": declared},
            {"type": "tool_search_call", "call_id": "c", "execution": "client", "arguments": {"query": "f"}},
            {"type": "tool_search_output", "call_id": "c", "tools": declared},
            TRIGGER,
            tool_choice="required",
        )
    )
    assert tools.lower(result).functions == []
    assert result.tool_choice is None


def test_a_summary_is_plain_text() -> None:
    result = rewrite(request(TRIGGER, text={"verbosity": "low", "format": {"type": "json_object"}}))
    assert result.text is not None
    assert (result.text.format, result.text.verbosity) == (None, "low")


def test_the_client_s_own_request_stays_as_it_was() -> None:
    own = request(USER, TRIGGER)
    rewrite(own)
    assert is_compaction(own)
    assert own.tools


# --- the answer ---


def test_the_summary_is_one_sealed_item() -> None:
    encoder, result = encode(
        START,
        ReasoningDelta("hm"),
        TextDelta("All "),
        CallStarted("c", "exec_command"),
        TextDelta("done.\n"),
        UsageReported(9, 1),
        Finished("stop"),
    )
    assert [event["type"] for event in result] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event["sequence_number"] for event in result] == list(range(5))
    item = result[3]["item"]
    assert (item["type"], item["id"]) == ("compaction", "cmp_A1_0")
    assert seal.unwrap(history.SUMMARY_FAMILY, item["encrypted_content"]) == "All done."
    assert encoder.response["output"] == [item]
    assert encoder.response["usage"]["total_tokens"] == 10
    assert encoder.ended


def test_a_later_request_unfolds_it() -> None:
    encoder, _ = encode(TextDelta("All done."), Finished("stop"))
    (turn,) = history.conversation(request(*encoder.response["output"]), Losses()).turns
    assert isinstance(turn, history.InputMessage)
    assert "All done." in str(turn.parts)


@pytest.mark.parametrize("reason", ["stop", "tool_calls", "length", "pause"])
def test_a_summary_that_was_cut_is_better_than_none(reason: StopReason) -> None:
    encoder, _ = encode(TextDelta("Half of"), Finished(reason))
    assert (encoder.response["status"], encoder.fault) == ("completed", None)
    assert "end_turn" not in encoder.response


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        ([Finished("stop")], "server"),
        ([TextDelta(" \n"), Finished("stop")], "server"),
        ([TextDelta("a"), Finished("content_filter")], "content_policy"),
        ([TextDelta("a"), Failed(Fault("overloaded", "busy"))], "overloaded"),
        ([TextDelta("a")], "cut"),
        ([], "cut"),
    ],
)
def test_without_a_summary_the_compaction_fails(events: list[Event], kind: str) -> None:
    encoder, result = encode(*events)
    assert result[-1]["type"] == "response.failed"
    assert encoder.response["output"] == []
    assert encoder.fault is not None
    assert encoder.fault.kind == kind


def test_nothing_is_told_after_the_end() -> None:
    encoder, _ = encode(TextDelta("a"), Finished("stop"))
    assert encoder.feed([TextDelta("b")]) == encoder.close() == b""


# --- POST /responses/compact ---


def test_the_compact_body_holds_the_user_s_messages_and_the_summary() -> None:
    result = request(
        {"role": "developer", "content": "Rules."},
        USER,
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Ok."}]},
        {"role": "user", "content": "And that."},
    )
    encoder, _ = encode(START, TextDelta("All done."), UsageReported(9, 1), Finished("stop"))
    body = compact_body(encoder.response, result)
    referee.check_compacted(body)
    assert body["object"] == "response.compaction"
    assert [item["type"] for item in body["output"]] == ["message", "message", "compaction"]
    assert body["output"][0] == {**USER, "id": "msg_A1_0", "status": "completed"}
    assert body["output"][1]["content"] == [{"type": "input_text", "text": "And that."}]
    assert body["usage"]["total_tokens"] == 10


def test_the_compact_body_can_be_sent_on_as_input() -> None:
    encoder, _ = encode(START, TextDelta("All done."), Finished("stop"))
    body = compact_body(encoder.response, request(USER))
    turns = history.conversation(request(*body["output"]), Losses()).turns
    assert len(turns) == 2


def test_the_compact_body_counts_nothing_where_nothing_was_reported() -> None:
    encoder, _ = encode(TextDelta("a"), Finished("stop"))
    body = compact_body(encoder.response, request(USER))
    referee.check_compacted(body)
    assert body["usage"]["total_tokens"] == 0


def test_a_summary_joins_the_halves_of_characters() -> None:
    _, result = encode(START, TextDelta("a \ud83d"), TextDelta("\ude00 b"), Finished("stop"))
    (item,) = result[-1]["response"]["output"]
    assert seal.unwrap("summary", item["encrypted_content"]) == "a 😀 b"
