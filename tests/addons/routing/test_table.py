"""Tables of our own TOML files."""

import pytest
from pydantic import ValidationError

from addons.routing.table import Table


class Example(Table):
    size: int = 0


def test_an_unknown_key_is_an_error_that_repeats_no_value() -> None:
    with pytest.raises(ValidationError) as refused:
        Example.model_validate({"sise": "sk-canary"})
    assert "canary" not in str(refused.value)


def test_a_table_does_not_change() -> None:
    with pytest.raises(ValidationError):
        Example().size = 1  # type: ignore[misc]
