"""Hosts that answer in one form alone, whatever their client wants."""

from typing import Any

import pytest

from converters import jsontext, sse
from converters.jsontext import Json
from converters.responses import whole
from tests import referee

MESSAGE: Json = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "Hello", "annotations": []}],
}
CALL: Json = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "run",
    "arguments": "{}",
    "status": "completed",
}
RESPONSE: Json = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "output": [MESSAGE, CALL],
    "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7},
}


def test_a_whole_response_becomes_a_stream_that_tells_all_of_it() -> None:
    events = referee.read(b"".join(whole.as_stream(RESPONSE)))
    assert [event["type"].removeprefix("response.") for event in events] == [
        *("created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.done"),
        *("content_part.done", "output_item.done", "output_item.added", "output_item.done", "completed"),
    ]
    assert [event["item"] for event in events if event["type"] == "response.output_item.done"] == RESPONSE["output"]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[-1]["response"] == RESPONSE


def test_a_stream_and_back_is_the_same_response() -> None:
    assert whole.of_stream(b"".join(whole.as_stream(RESPONSE))) == RESPONSE


@pytest.mark.parametrize("status", ["incomplete", "failed"])
def test_a_response_keeps_its_end(status: str) -> None:
    events = referee.read(b"".join(whole.as_stream(RESPONSE | {"status": status})))
    assert events[-1]["type"] == f"response.{status}"


def test_items_are_gathered_where_the_end_lists_none() -> None:
    """As ChatGPT's own backend ends its streams."""
    events: list[Json] = [
        {"type": "response.output_item.done", "item": MESSAGE},
        {"type": "response.completed", "response": {**RESPONSE, "output": []}},
    ]
    stream = b"".join(map(sse.encode, events))
    assert whole.of_stream(stream) == RESPONSE | {"output": [MESSAGE]}


def test_an_error_is_told_where_no_end_came() -> None:
    stream = sse.encode({"type": "error", "code": "rate_limit_exceeded", "message": "slow down"})
    assert whole.of_stream(stream) == {"error": {"code": "rate_limit_exceeded", "message": "slow down"}}


@pytest.mark.parametrize("odd", [b"", b"data: {\n\n", b"<html>", b"data: 5\n\n"])
def test_what_is_no_stream_is_no_response(odd: bytes) -> None:
    assert whole.of_stream(odd) is None


@pytest.mark.parametrize("output", [[5], [{"type": "message", "content": [5, {"type": "output_text"}]}], [{}]])
def test_odd_items_are_no_surprise(output: list[Any]) -> None:
    events = referee.read(b"".join(whole.as_stream({"output": output})))
    assert events[-1]["response"] == {"output": output}
    assert jsontext.dumps(events)
