from typing import Any

import pytest

from converters.events import UsageReported
from converters.jsontext import Json
from converters.responses import snapshot, wire
from tests import referee
from tests.strategies import REQUEST


def blank(**asked: Any) -> Json:
    return snapshot.blank(wire.read({"model": "m", "input": "Hi", **asked}), "resp_1", 7)


@pytest.mark.parametrize(
    ("upstream_id", "tail"),
    [
        ("chatcmpl-9aB", "9aB"),
        ("msg_01X", "01X"),
        ("gen-17-ab", "17-ab"),
        ("resp_abc", "abc"),
        ("021753/4:é 5", "02175345"),
        ("x" * 99, "x" * 48),
    ],
)
def test_ids_end_in_what_the_upstream_calls_its_answer(upstream_id: str, tail: str) -> None:
    assert snapshot.tail_of(upstream_id, REQUEST, 7) == tail


def test_an_upstream_without_an_id_gets_one_from_the_request_and_the_clock() -> None:
    tail = snapshot.tail_of("", REQUEST, 7)
    assert tail == snapshot.tail_of("chatcmpl-", REQUEST, 7)
    assert tail != snapshot.tail_of("", REQUEST, 8)
    assert tail.isalnum()
    whole = wire.read({**REQUEST.raw, "stream": False})
    assert tail == snapshot.tail_of("", whole, 7), "a client that asks for no stream reads the same ids"


def test_every_published_field_is_there_where_the_client_set_nothing() -> None:
    body = blank()
    referee.check_response(body)
    # The required fields of the Open Responses specification's ResponseResource.
    assert set(body) >= {
        *("id", "object", "created_at", "completed_at", "status", "incomplete_details", "model"),
        *("previous_response_id", "instructions", "output", "error", "tools", "tool_choice", "truncation"),
        *("parallel_tool_calls", "text", "top_p", "presence_penalty", "frequency_penalty", "top_logprobs"),
        *("temperature", "reasoning", "usage", "max_output_tokens", "max_tool_calls", "store", "background"),
        *("service_tier", "metadata", "safety_identifier", "prompt_cache_key"),
    }


def test_what_the_client_set_is_echoed() -> None:
    result = {
        "instructions": "Be brief.",
        "max_output_tokens": 99,
        "metadata": {"a": "b"},
        "parallel_tool_calls": False,
        "prompt_cache_key": "k",
        "service_tier": "priority",
        "store": False,
        "temperature": 0.5,
        "tool_choice": {"type": "function", "name": "f"},
        "top_p": 0.9,
        "truncation": "auto",
    }
    body = blank(**result, tools=[{"type": "function", "name": "f"}])
    referee.check_response(body)
    assert {key: body[key] for key in result} == result


def test_null_means_unset() -> None:
    assert blank(temperature=None, tool_choice=None, tools=None, text=None, reasoning=None) == blank()


def test_reasoning_and_text_are_filled_up() -> None:
    body = blank(reasoning={"effort": "high"}, text={"verbosity": "low"})
    assert body["reasoning"] == {"effort": "high", "summary": None}
    assert body["text"] == {"verbosity": "low", "format": {"type": "text"}}


def test_a_schema_for_the_answer_is_echoed() -> None:
    form = {"type": "json_schema", "name": "title", "schema": {"type": "object"}, "strict": True}
    body = blank(text={"format": form})
    referee.check_response(body)
    assert body["text"]["format"] == {**form, "description": None}


def test_all_tools_of_codex_are_echoed_as_published() -> None:
    body = snapshot.blank(REQUEST, "resp_1", 7)
    referee.check_response(body)
    assert [tool["type"] for tool in body["tools"]] == ["function", "custom", "tool_search", "namespace"]


def test_usage_adds_up() -> None:
    assert snapshot.usage(UsageReported(3, 4))["total_tokens"] == 7
