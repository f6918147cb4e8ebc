"""How providers depart from this protocol."""

import pytest

from converters.dialect import Effort
from converters.responses.dialect import ResponsesDialect


@pytest.mark.parametrize(
    ("dialect", "choices"),
    [
        (ResponsesDialect(), ("low", "medium", "high")),
        (ResponsesDialect(efforts=("xhigh",)), ("xhigh",)),
    ],
)
def test_a_client_chooses_between_the_efforts_that_change_something(
    dialect: ResponsesDialect, choices: tuple[Effort, ...]
) -> None:
    assert dialect.choices() == choices
