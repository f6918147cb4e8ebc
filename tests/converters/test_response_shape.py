"""Two answers have one shape if only their words differ."""

import json
from typing import Any

import pytest

from converters.response_shape import ResponseShape


def stream(*records: Any) -> bytes:
    texts = (record if isinstance(record, str) else json.dumps(record) for record in records)
    return "".join(f"data: {text}\n\n" for text in texts).encode()


def delta(finish: str | None = None, **said: Any) -> dict[str, Any]:
    return {"id": "1", "choices": [{"index": 0, "delta": said, "finish_reason": finish}]}


def said(*words: str) -> bytes:
    texts = [{"type": "text.delta", "delta": word} for word in words]
    return stream({"type": "start"}, *texts, {"type": "stop", "stop_reason": "end_turn"})


def test_words_and_their_number_are_no_difference() -> None:
    assert ResponseShape.of(said("a")).differences(ResponseShape.of(said("b", "c"))) == []


def test_repeats_are_folded() -> None:
    assert ResponseShape.of(said("a", "b")).order == ("start", "text.delta", "stop")


def test_records_without_a_name_are_told_apart_by_what_they_hold() -> None:
    chunks = [delta(role="assistant", content=""), delta(reasoning="hm"), delta(content="a"), delta("stop")]
    result = stream(*chunks, {"usage": {"n": 1}}, "[DONE]")
    assert ResponseShape.of(result).order == ("nothing", "reasoning", "content", "finish_reason", "usage", "[DONE]")


@pytest.mark.parametrize(
    ("recorded", "now", "lines"),
    [
        ({"usage": {"in": 1}}, {"usage": {"in": 2, "cached": 1}}, ["+usage.cached: number"]),
        ({"usage": {"in": 1}}, {"usage": {"in": "1"}}, ["-usage.in: number", "+usage.in: string"]),
        (
            {"stop_reason": "end_turn"},
            {"stop_reason": "refusal"},
            ['-stop_reason = "end_turn"', '+stop_reason = "refusal"'],
        ),
        ({"a": None, "b": [{"c": 1}, {"d": True}]}, {"b": [{"c": 2}]}, ["-b[].d: boolean"]),
    ],
)
def test_a_difference_is_told_with_its_place(recorded: Any, now: Any, lines: list[str]) -> None:
    shapes = (ResponseShape.of(json.dumps(element).encode()) for element in (recorded, now))
    differences = next(shapes).differences(next(shapes))
    assert [line for line in differences if ":" in line or "=" in line] == lines


def test_another_order_is_told() -> None:
    differences = ResponseShape.of(said("a")).differences(
        ResponseShape.of(stream({"type": "start"}, {"type": "ping"}, {"type": "stop"}))
    )
    assert {"-text.delta", "+ping"} <= set(differences)


def test_what_is_no_answer_has_a_shape_too() -> None:
    assert ResponseShape.of(b"<html>no</html>").paths == ResponseShape.of(b"").paths == frozenset()
