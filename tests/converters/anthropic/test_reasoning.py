"""Thinking on the way back."""

from typing import Any

import pytest

from converters import seal
from converters.anthropic import reasoning as thinking
from converters.anthropic.dialect import AnthropicDialect
from converters.jsontext import Json
from tests.converters.anthropic.sample_requests import convert_items, messages, reasoning, signed
from tests.converters.sample_items import assistant, user

BUDGET = AnthropicDialect(thinking="budget", cache=False)
ADAPTIVE = AnthropicDialect(thinking="adaptive", efforts=("low", "medium", "high", "max"), cache=False)
ALWAYS = AnthropicDialect(thinking="adaptive", efforts=("low", "high"), thinking_off=False, cache=False)
SWITCH = AnthropicDialect(thinking="enabled", unsigned_thinking=True, signature_family="zai", cache=False)
ON = {"effort": "high"}


def thoughts(*items: Json, dialect: AnthropicDialect, **fields: Any) -> list[Json]:
    sent = messages(user(), *items, assistant("x"), user(), dialect=dialect, **fields)
    return [block for _, blocks in sent for block in blocks if "thinking" in block["type"]]


def test_thinking_goes_back_as_it_came() -> None:
    redacted = reasoning(thinking.seal_redacted("data", ADAPTIVE))
    assert thoughts(signed(" a\n"), redacted, dialect=ADAPTIVE, reasoning=ON) == [
        {"type": "thinking", "thinking": " a\n", "signature": "sig"},
        {"type": "redacted_thinking", "data": "data"},
    ]


@pytest.mark.parametrize(
    "foreign",
    [
        signed("a", family="zai"),
        signed("a", signature=""),
        reasoning("gAAAAB", "a"),
        reasoning("tcx1.anthropic.broken", "a"),
        reasoning(seal.wrap("chat", {"text": "a"}), "a"),
        reasoning(None, "a"),
    ],
)
def test_thinking_that_the_upstream_did_not_sign_is_a_loss(foreign: Json) -> None:
    sent, losses = convert_items(user(), foreign, assistant("x"), user(), dialect=ADAPTIVE, reasoning=ON)
    assert [block["type"] for block in sent["messages"][1]["content"]] == ["text"]
    assert [loss.what for loss in losses] == ["reasoning"]


def test_a_host_that_checks_no_signature_gets_all_thinking_that_can_be_read() -> None:
    items = [signed("a", "", "zai"), signed("b", "sig", "anthropic"), reasoning("gAAAAB", "c"), reasoning("gAAAAB")]
    result = thoughts(*items, dialect=SWITCH, reasoning=ON)
    assert [(block["thinking"], block["signature"]) for block in result] == [("a", ""), ("b", ""), ("c", "")]


def test_thinking_stays_away_where_it_is_switched_off() -> None:
    assert thoughts(signed("a"), dialect=ADAPTIVE, reasoning={"effort": "none"}) == []
    assert thoughts(signed("a"), dialect=BUDGET) == []
    assert thoughts(signed("a"), dialect=AnthropicDialect(cache=False)) == []
    assert len(thoughts(signed("a"), dialect=ALWAYS)) == 1  # nothing asked for: it thinks by itself
