from converters.errors import Client, Fault
from converters.events import UsageReported
from converters.responses.lifecycle import Lifecycle, Stream
from tests import referee
from tests.strategies import REQUEST


def lifecycle(client: Client = "codex") -> Lifecycle:
    life = Lifecycle(REQUEST, created_at=7, client=client)
    life.start("chatcmpl-1")
    return life


def test_events_are_numbered_from_zero_and_taken_once() -> None:
    stream = Stream()
    stream.write("a", {"output_index": 3}, delta="x")
    stream.write("b", {})
    assert referee.read(stream.take()) == [
        {"type": "a", "sequence_number": 0, "output_index": 3, "delta": "x"},
        {"type": "b", "sequence_number": 1},
    ]
    assert stream.take() == b""
    stream.write("c", {})
    assert referee.read(stream.take())[0]["sequence_number"] == 2


def test_an_answer_is_in_progress_until_its_end() -> None:
    life = lifecycle()
    assert [event["type"] for event in referee.read(life.stream.take())] == ["response.created", "response.in_progress"]
    assert (life.response["id"], life.response["status"], life.ended) == ("resp_1", "in_progress", False)


def test_the_end_says_what_was_reported() -> None:
    life = lifecycle()
    life.report(UsageReported(1, 2))
    life.complete([{"type": "message"}])
    assert life.ended
    assert (life.response["status"], life.response["completed_at"]) == ("completed", 7)
    assert life.response["usage"]["total_tokens"] == 3
    assert referee.read(life.stream.take())[-1] == {
        "type": "response.completed",
        "sequence_number": 2,
        "response": life.response,
    }


def test_end_turn_stands_only_where_it_is_false() -> None:
    life, other = lifecycle(), lifecycle()
    life.complete([], end_turn=False)
    other.complete([])
    assert life.response["end_turn"] is False
    assert "end_turn" not in other.response


def test_a_failure_is_told_to_each_client_in_its_codes() -> None:
    fault = Fault("context_overflow", "too long")
    codex, other = lifecycle("codex"), lifecycle("other")
    codex.fail([], fault)
    other.fail([], fault)
    assert codex.fault == other.fault == fault
    assert codex.response["error"] == {"code": "context_length_exceeded", "message": "too long"}
    assert other.response["error"] == {"code": "invalid_prompt", "message": "too long"}


def test_what_was_created_does_not_change_with_the_end() -> None:
    life = lifecycle()
    created = referee.read(life.stream.take())[0]["response"]
    life.complete([{"type": "message"}])
    assert (created["status"], created["output"]) == ("in_progress", [])
