"""Responses requests as chat requests."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import jsontext, tools
from converters.chat.dialect import ChatDialect
from converters.chat.request import convert
from converters.errors import RequestError
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import wire
from tests.converters.chat.sample_requests import body, check, convert_items, image
from tests.converters.sample_items import FUNCTION, assistant, call, developer, output, user

CODEX = sorted((Path(__file__).parents[2] / "data" / "codex").glob("*.json"))
OPENAI = ChatDialect(
    instructions_role="developer",
    late_instructions="keep",
    max_tokens_field="max_completion_tokens",
    effort="reasoning_effort",
    efforts=("none", "minimal", "low", "medium", "high", "xhigh"),
    parallel_tool_calls=True,
    strict_tools=True,
    verbosity=True,
    prompt_cache_key=True,
    store=True,
)
SCHEMA = {"type": "json_schema", "name": "answer", "strict": True, "schema": {"type": "object", "title": "Answer"}}


@pytest.mark.parametrize("path", CODEX, ids=lambda path: path.stem)
@pytest.mark.parametrize("dialect", [ChatDialect(), OPENAI], ids=["default", "openai"])
def test_openais_own_types_take_what_becomes_of_codexs_requests(path: Path, dialect: ChatDialect) -> None:
    request = wire.parse(path.read_bytes())
    converted = convert(request, tools.lower(request), dialect, "m", Losses())
    check(converted)
    assert "null" not in jsontext.dumps({**converted, "messages": []}).decode().replace('"null"', "")


def test_everything_at_once_is_still_what_openais_types_take() -> None:
    result = body(
        developer("base"), user("look", image(detail="low")), assistant("I look."), call("a"), output("a", [image()]),
        dialect=OPENAI, tools=[{**FUNCTION, "strict": True}], tool_choice={"type": "function", "name": "f"},
        parallel_tool_calls=False, reasoning={"effort": "high", "summary": "auto"}, max_output_tokens=99,
        text={"verbosity": "low", "format": {**SCHEMA, "description": "what to say"}}, temperature=0.5, top_p=0.9,
        prompt_cache_key="thread-1", store=False, include=["reasoning.encrypted_content"], client_metadata={},
    )  # fmt: skip
    check(result)
    assert {key: value for key, value in result.items() if key not in ("messages", "tools")} == {
        "model": "glm-5.2",
        "stream": True,
        "stream_options": {"include_usage": True},
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": False,
        "reasoning_effort": "high",
        "max_completion_tokens": 99,
        "verbosity": "low",
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "answer",
                "schema": SCHEMA["schema"],
                "strict": True,
                "description": "what to say",
            },
        },
        "temperature": 0.5,
        "top_p": 0.9,
        "prompt_cache_key": "thread-1",
        "store": False,
    }


def test_nothing_is_sent_that_nobody_asked_for() -> None:
    result = body(user(), prompt_cache_key="t", store=False, include=[], client_metadata={}, text={"verbosity": "low"})
    assert set(result) == {"model", "messages", "stream", "stream_options"}
    assert "stream_options" not in body(user(), dialect=ChatDialect(stream_usage=False))


@pytest.mark.parametrize(
    ("flags", "asked", "sent"),
    [
        ({}, 7, {"max_tokens": 7}),
        ({"max_tokens": 9}, None, {"max_tokens": 9}),
        ({"max_tokens": 9}, 7, {"max_tokens": 7}),
        ({"max_tokens_field": "max_completion_tokens"}, 7, {"max_completion_tokens": 7}),
        ({}, None, {}),
    ],
)
def test_the_length_limit_is_the_clients_or_the_hosts(flags: Any, asked: int | None, sent: Json) -> None:
    result = body(user(), dialect=ChatDialect(**flags), max_output_tokens=asked)
    assert {key: value for key, value in result.items() if key.startswith("max_")} == sent


@pytest.mark.parametrize(
    ("known", "field", "in_words"),
    [
        ("json_schema", "json_schema", False),
        ("json_object", "json_object", True),
        ("prompt", None, True),
        ("none", None, False),
    ],
)
def test_a_schema_goes_where_the_host_reads_it(known: Any, field: str | None, in_words: bool) -> None:
    dialect = ChatDialect(response_format=known)
    result, losses = convert_items(developer("base"), user(), dialect=dialect, text={"format": SCHEMA})
    assert result.get("response_format", {}).get("type") == field
    assert ('"title":"Answer"' in result["messages"][0]["content"]) == in_words
    assert [loss.path for loss in losses] == ([] if known == "json_schema" else ["text.format"])


@pytest.mark.parametrize(("known", "field"), [("json_schema", True), ("json_object", True), ("prompt", False)])
def test_any_json_object_can_be_asked_for(known: Any, field: bool) -> None:
    result = body(user(), dialect=ChatDialect(response_format=known), text={"format": {"type": "json_object"}})
    assert result.get("response_format") == ({"type": "json_object"} if field else None)
    assert "JSON" in result["messages"][0]["content"]


def test_plain_text_is_the_default() -> None:
    assert "response_format" not in body(user(), text={"format": {"type": "text"}})


def test_a_stored_response_cannot_be_built_on() -> None:
    with pytest.raises(RequestError) as caught:
        body(user(), previous_response_id="resp_1")
    assert caught.value.param == "previous_response_id"


def test_what_no_chat_host_is_asked_for_is_a_loss() -> None:
    _, losses = convert_items(user(), service_tier="priority")
    assert [loss.path for loss in losses] == ["service_tier"]


def test_a_tools_schema_is_fitted_to_the_host() -> None:
    tool = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {"x": {"const": 1}}}}
    result = body(user(), dialect=ChatDialect(schema_subset="no_const"), tools=[tool])
    assert result["tools"][0]["function"]["parameters"]["properties"] == {"x": {"enum": [1], "type": "integer"}}


@given(st.lists(st.sampled_from(["user", "developer", "assistant", "call", "output", "image"]), max_size=12))
def test_any_order_of_items_makes_a_request_that_openais_types_take(kinds: list[str]) -> None:
    makers: Any = {
        "user": user,
        "developer": lambda: developer("d"),
        "assistant": lambda: assistant("a"),
        "call": call,
        "output": output,
        "image": lambda: output("c", [image()]),
    }
    result = body(*[makers[kind]() for kind in kinds], dialect=OPENAI, tools=[FUNCTION])
    check(result)
    assert jsontext.loads(jsontext.dumps(result)) == result
