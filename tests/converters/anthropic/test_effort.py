"""How deep a model thinks."""

from typing import Any

import pytest

from converters.anthropic.dialect import AnthropicDialect
from converters.jsontext import Json
from tests.converters.anthropic.sample_requests import body, convert_items, signed
from tests.converters.sample_items import FUNCTION, assistant, call, output, user

BUDGET = AnthropicDialect(thinking="budget", cache=False)
ADAPTIVE = AnthropicDialect(thinking="adaptive", efforts=("low", "medium", "high", "max"), cache=False)
ALWAYS = AnthropicDialect(thinking="adaptive", efforts=("low", "high"), thinking_off=False, cache=False)
SWITCH = AnthropicDialect(thinking="enabled", unsigned_thinking=True, signature_family="zai", cache=False)
ON = {"effort": "high"}


def thinking_of(dialect: AnthropicDialect, reasoning: Json | None, **fields: Any) -> tuple[Any, Any]:
    sent = body(dialect=dialect, reasoning=reasoning, **fields)
    return sent.get("thinking"), sent.get("output_config", {}).get("effort")


def budget(tokens: int) -> Json:
    return {"type": "enabled", "budget_tokens": tokens}


@pytest.mark.parametrize(
    ("effort", "tokens"),
    [("minimal", 1024), ("low", 4096), ("medium", 8192), ("high", 16384), ("xhigh", 24576), ("ultra", 27904)],
)
def test_an_effort_is_a_budget_that_leaves_room_for_the_answer(effort: str, tokens: int) -> None:
    assert thinking_of(BUDGET, {"effort": effort}) == (budget(tokens), None)


def test_a_small_limit_shrinks_the_budget_and_a_tiny_one_forbids_it() -> None:
    assert thinking_of(BUDGET, ON, max_output_tokens=4000) == (budget(2000), None)
    sent, losses = convert_items(dialect=BUDGET, reasoning=ON, max_output_tokens=2000)
    assert "thinking" not in sent
    assert [loss.path for loss in losses] == ["max_output_tokens"]


@pytest.mark.parametrize(
    ("dialect", "reasoning", "told"),
    [
        (BUDGET, {"summary": "auto"}, (budget(8192), None)),
        (BUDGET, {"effort": "none"}, ({"type": "disabled"}, None)),
        (BUDGET, None, (None, None)),
        (BUDGET, {"summary": "none"}, (None, None)),
        (ADAPTIVE, {"effort": "xhigh"}, ({"type": "adaptive"}, "max")),
        (ADAPTIVE, {"effort": "minimal"}, ({"type": "adaptive"}, "low")),
        (ADAPTIVE, {"effort": "what?"}, ({"type": "adaptive"}, "medium")),
        (ADAPTIVE, {"summary": "auto"}, ({"type": "adaptive"}, None)),
        (ADAPTIVE, {"effort": "none"}, ({"type": "disabled"}, None)),
        (ADAPTIVE, None, (None, None)),
        (ALWAYS, {"effort": "none"}, (None, "low")),
        (SWITCH, {"summary": "auto"}, ({"type": "enabled"}, None)),
        (SWITCH, {"effort": "none"}, ({"type": "disabled"}, None)),
        (SWITCH.model_copy(update={"thinking_off": False}), {"effort": "none"}, ({"type": "enabled"}, None)),
        (AnthropicDialect(), {"effort": "none"}, (None, None)),
    ],
)
def test_each_mode_is_asked_in_its_own_way(dialect: AnthropicDialect, reasoning: Json | None, told: Any) -> None:
    assert thinking_of(dialect, reasoning) == told


def test_a_model_that_hides_its_thinking_is_asked_to_show_it() -> None:
    dialect = ADAPTIVE.model_copy(update={"thinking_display": True})
    assert thinking_of(dialect, ON)[0] == {"type": "adaptive", "display": "summarized"}


def test_an_effort_for_a_model_without_thinking_is_a_loss() -> None:
    sent, losses = convert_items(dialect=AnthropicDialect(), reasoning=ON)
    assert "thinking" not in sent
    assert [loss.path for loss in losses] == ["reasoning.effort"]


@pytest.mark.parametrize(
    ("dialect", "effort", "lost"),
    [(ADAPTIVE, "high", []), (ADAPTIVE, "xhigh", ["xhigh"]), (ADAPTIVE, "none", []), (ALWAYS, "none", ["none"])],
)
def test_an_effort_that_is_not_taken_as_asked_is_a_loss(dialect: AnthropicDialect, effort: str, lost: Any) -> None:
    _, losses = convert_items(dialect=dialect, reasoning={"effort": effort})
    assert [loss.what for loss in losses] == lost


# --- a tool loop that lost its thinking ---

LOOP = [call("a"), output("a"), call("b"), output("b")]


def test_a_loop_that_began_without_thinking_goes_on_without() -> None:
    sent, losses = convert_items(user(), signed("old"), assistant("x"), user(), *LOOP, dialect=BUDGET, reasoning=ON)
    assert sent["thinking"] == {"type": "disabled"}
    assert not [part for message in sent["messages"] for part in message["content"] if part["type"] == "thinking"]
    assert [loss.path for loss in losses] == ["reasoning"]


@pytest.mark.parametrize(
    "items",
    [
        [user(), signed("a"), *LOOP],
        [user(), *LOOP, assistant("done"), user("next")],
        [user(), call("z"), output("z"), assistant("done"), user(), signed("a"), *LOOP],
        [user()],
    ],
)
def test_a_loop_that_began_with_thinking_keeps_it_on(items: list[Json]) -> None:
    assert asked_after(items) == budget(16384)


def asked_after(items: list[Json]) -> Any:
    return body(*items, dialect=BUDGET, reasoning=ON, tools=[FUNCTION])["thinking"]


def test_adaptive_thinking_bears_a_loop_without_it() -> None:
    assert body(user(), *LOOP, dialect=ADAPTIVE, reasoning=ON)["thinking"] == {"type": "adaptive"}
