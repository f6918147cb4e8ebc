"""How deep to think, as each host wants to be told."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters.chat import effort
from converters.chat.dialect import ChatDialect
from converters.dialect import EFFORTS
from converters.jsontext import Json
from converters.losses import Losses

STYLES = ["none", "reasoning_effort", "reasoning", "thinking", "enable_thinking", "template"]
LOW_TO_HIGH = ("low", "medium", "high")


def fields_for(asked: str | None, **flags: Any) -> Json:
    return effort.fields(asked, ChatDialect(**flags), Losses())


@pytest.mark.parametrize(
    ("style", "efforts", "fields"),
    [
        ("reasoning_effort", LOW_TO_HIGH, {"reasoning_effort": "high"}),
        ("reasoning_effort", (), {}),
        ("reasoning", LOW_TO_HIGH, {"reasoning": {"effort": "high"}}),
        ("reasoning", (), {"reasoning": {"enabled": True}}),
        ("thinking", LOW_TO_HIGH, {"thinking": {"type": "enabled"}, "reasoning_effort": "high"}),
        ("thinking", (), {"thinking": {"type": "enabled"}}),
        ("enable_thinking", LOW_TO_HIGH, {"enable_thinking": True, "reasoning_effort": "high"}),
        ("enable_thinking", (), {"enable_thinking": True}),
        ("template", LOW_TO_HIGH, {"chat_template_kwargs": {"enable_thinking": True, "reasoning_effort": "high"}}),
        ("template", (), {"chat_template_kwargs": {"enable_thinking": True}}),
    ],
)
def test_each_style_has_its_way_to_say_how_deep(style: str, efforts: tuple[str, ...], fields: Json) -> None:
    assert fields_for("high", effort=style, efforts=efforts) == fields


@pytest.mark.parametrize(
    ("style", "fields"),
    [
        ("reasoning_effort", {"reasoning_effort": "none"}),
        ("reasoning", {"reasoning": {"enabled": False}}),
        ("thinking", {"thinking": {"type": "disabled"}}),
        ("enable_thinking", {"enable_thinking": False}),
        ("template", {"chat_template_kwargs": {"enable_thinking": False}}),
    ],
)
@pytest.mark.parametrize("asked", ["none", "minimal"])
def test_each_style_has_its_way_to_say_off(style: str, fields: Json, asked: str) -> None:
    assert fields_for(asked, effort=style) == fields


def test_none_is_the_least_where_the_model_always_thinks() -> None:
    flags = {"effort": "thinking", "efforts": ("high", "max"), "thinking_off": False}
    assert fields_for("none", **flags) == {"thinking": {"type": "enabled"}, "reasoning_effort": "high"}


def test_none_is_the_least_where_it_is_no_known_effort() -> None:
    assert fields_for("none", effort="reasoning_effort", efforts=LOW_TO_HIGH) == {"reasoning_effort": "low"}
    assert fields_for("none", effort="reasoning_effort", efforts=("none", "low")) == {"reasoning_effort": "none"}


def test_minimal_is_the_least_where_depths_are_known() -> None:
    assert fields_for("minimal", effort="thinking", efforts=("low", "max"))["reasoning_effort"] == "low"


@pytest.mark.parametrize(("asked", "sent"), [("xhigh", "high"), ("ultra", "high"), ("max", "high"), ("low", "low")])
def test_an_unknown_depth_becomes_the_nearest(asked: str, sent: str) -> None:
    losses = Losses()
    dialect = ChatDialect(effort="reasoning_effort", efforts=("low", "high"))
    assert effort.fields(asked, dialect, losses) == {"reasoning_effort": sent}
    assert bool(losses) == (asked != sent)


@pytest.mark.parametrize("style", STYLES)
def test_nothing_asked_is_nothing_sent(style: str) -> None:
    assert fields_for(None, effort=style, efforts=LOW_TO_HIGH) == {}


def test_thinking_options_are_sent_unasked_but_never_with_off() -> None:
    flags = {"effort": "thinking", "thinking_options": {"clear_thinking": False}}
    assert fields_for(None, **flags) == {"thinking": {"type": "enabled", "clear_thinking": False}}
    assert fields_for("high", **flags) == {"thinking": {"type": "enabled", "clear_thinking": False}}
    assert fields_for("none", **flags) == {"thinking": {"type": "disabled"}}


def test_a_host_that_cannot_be_told_is_not_told() -> None:
    losses = Losses()
    assert effort.fields("high", ChatDialect(), losses) == {}
    assert [loss.path for loss in losses] == ["reasoning.effort"]


@given(
    st.sampled_from([*EFFORTS, "ultra", "typo"]),
    st.sampled_from(STYLES),
    st.sets(st.sampled_from(EFFORTS)),
    st.booleans(),
)
def test_only_known_depths_are_sent_and_off_never_comes_with_one(
    asked: str, style: Any, efforts: set[Any], off: bool
) -> None:
    dialect = ChatDialect(effort=style, efforts=tuple(efforts), thinking_off=off)
    fields = effort.fields(asked, dialect, Losses())
    depths = [fields.get("reasoning_effort"), fields.get("reasoning", {}).get("effort")]
    depths.append(fields.get("chat_template_kwargs", {}).get("reasoning_effort"))
    assert {depth for depth in depths if depth} <= efforts | ({"none"} if not efforts and off else set())
    if effort.is_off(asked, dialect):
        assert not any(depth not in (None, "none") for depth in depths)
