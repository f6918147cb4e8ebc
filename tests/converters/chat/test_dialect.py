"""How providers depart from this protocol."""

import pytest

from converters.chat.dialect import ChatDialect
from converters.dialect import Effort


@pytest.mark.parametrize(
    ("dialect", "choices"),
    [
        (ChatDialect(), ()),
        (ChatDialect(effort="thinking"), ("none", "medium")),
        (ChatDialect(effort="thinking", thinking_off=False), ("medium",)),
        (ChatDialect(effort="thinking", efforts=("low", "max")), ("none", "low", "max")),
        (ChatDialect(effort="reasoning_effort", efforts=("low", "high")), ("low", "high")),
        (ChatDialect(effort="reasoning_effort", efforts=("none", "high")), ("none", "high")),
    ],
)
def test_a_client_chooses_between_the_efforts_that_change_something(
    dialect: ChatDialect, choices: tuple[Effort, ...]
) -> None:
    assert dialect.choices() == choices
