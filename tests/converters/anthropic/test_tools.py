"""Whether and which tools the model may call."""

from typing import Any

import pytest

from converters.anthropic.dialect import AnthropicDialect
from converters.errors import RequestError
from tests.converters.anthropic.sample_requests import body, convert_items
from tests.converters.sample_items import FUNCTION, call, output, user

SHELL = {"type": "namespace", "name": "mcp__a", "tools": [{"type": "function", "name": "run"}]}
THINKS = AnthropicDialect(thinking="adaptive", cache=False)


def choice(wanted: Any, **fields: Any) -> Any:
    return body(tools=[FUNCTION, SHELL], tool_choice=wanted, **fields).get("tool_choice")


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (None, None),
        ("auto", None),
        ("required", {"type": "any"}),
        ("none", {"type": "none"}),
        ({"type": "function", "name": "f"}, {"type": "tool", "name": "f"}),
        ({"type": "function", "name": "run", "namespace": "mcp__a"}, {"type": "tool", "name": "mcp__a__run"}),
    ],
)
def test_each_choice_has_its_word(wanted: Any, told: Any) -> None:
    assert choice(wanted) == told


def test_one_call_at_a_time_is_said_with_any_choice_but_none() -> None:
    assert choice("auto", parallel_tool_calls=False) == {"type": "auto", "disable_parallel_tool_use": True}
    assert choice("required", parallel_tool_calls=False) == {"type": "any", "disable_parallel_tool_use": True}
    assert choice("none", parallel_tool_calls=False) == {"type": "none"}


@pytest.mark.parametrize("wanted", [{"type": "allowed_tools", "mode": "required", "tools": []}, {"type": "mcp"}, "odd"])
def test_a_choice_without_a_word_is_a_loss(wanted: Any) -> None:
    _, losses = convert_items(tools=[FUNCTION], tool_choice=wanted)
    assert [loss.path for loss in losses] == ["tool_choice"]


def test_a_tool_that_is_not_offered_cannot_be_forced() -> None:
    with pytest.raises(RequestError) as refused:
        choice({"type": "function", "name": "unknown"})
    assert refused.value.param == "tool_choice"


def test_there_is_no_choice_without_tools() -> None:
    assert "tool_choice" not in body(tool_choice="auto", parallel_tool_calls=False)


def test_tools_of_the_history_stand_there_without_being_offered() -> None:
    sent = body(user(), call(name="f"), output(), tool_choice="auto")
    assert [tool["name"] for tool in sent["tools"]] == ["f"]
    assert sent["tool_choice"] == {"type": "none"}


def test_a_forced_choice_switches_thinking_off_where_both_cannot_be() -> None:
    sent, losses = convert_items(
        tools=[FUNCTION], tool_choice="required", reasoning={"effort": "medium"}, dialect=THINKS
    )
    assert (sent["tool_choice"], sent["thinking"]) == ({"type": "any"}, {"type": "disabled"})
    assert [loss.path for loss in losses] == ["reasoning"]


@pytest.mark.parametrize("flags", [{"forced_tool_choice": "never"}, {"thinking_off": False}])
def test_a_forced_choice_gives_way_where_thinking_cannot(flags: Any) -> None:
    dialect = THINKS.model_copy(update=flags)
    sent, losses = convert_items(
        tools=[FUNCTION], tool_choice="required", reasoning={"effort": "medium"}, dialect=dialect
    )
    assert "tool_choice" not in sent
    assert sent["thinking"] == {"type": "adaptive"}
    assert [loss.path for loss in losses] == ["tool_choice"]


def test_a_model_that_always_thinks_is_not_forced_either() -> None:
    always = THINKS.model_copy(update={"thinking_off": False})
    assert "tool_choice" not in body(tools=[FUNCTION], tool_choice="required", dialect=always)


def test_both_are_sent_where_both_can_be() -> None:
    dialect = THINKS.model_copy(update={"forced_tool_choice": "full"})
    sent, losses = convert_items(
        tools=[FUNCTION], tool_choice="required", reasoning={"effort": "medium"}, dialect=dialect
    )
    assert (sent["tool_choice"], sent["thinking"]) == ({"type": "any"}, {"type": "adaptive"})
    assert losses == []
