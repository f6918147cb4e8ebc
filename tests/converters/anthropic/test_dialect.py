"""How providers depart from this protocol."""

import pytest

from converters.anthropic.dialect import AnthropicDialect
from converters.dialect import Effort


@pytest.mark.parametrize(
    ("dialect", "choices"),
    [
        (AnthropicDialect(), ()),
        (AnthropicDialect(thinking="budget"), ("none", "low", "medium", "high", "max")),
        (AnthropicDialect(thinking="adaptive", efforts=("low", "high"), thinking_off=False), ("low", "high")),
        (AnthropicDialect(thinking="enabled"), ("none", "medium")),
    ],
)
def test_a_client_chooses_between_the_efforts_that_change_something(
    dialect: AnthropicDialect, choices: tuple[Effort, ...]
) -> None:
    assert dialect.choices() == choices
