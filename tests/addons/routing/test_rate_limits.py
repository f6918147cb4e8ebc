"""Limits as a user writes them."""

from typing import Any

import pytest
from pydantic import ValidationError

from addons.routing.rate_limits import RateLimits


def test_each_limit_is_optional() -> None:
    assert RateLimits(daily_usd=10) == RateLimits.model_validate({"daily_usd": 10.0})
    assert set(RateLimits().model_dump().values()) == {None}


@pytest.mark.parametrize(
    "table",
    [
        {"requests_per_minute": 0},
        {"tokens_per_minute": -1},
        {"concurrent": 1.5},
        {"concurrent": "4"},
        {"daily_usd": 0},
        {"daily_usd": float("nan")},
        {"daily_usd": float("inf")},
        {"tokens_per_minute": 1 << 60},
        {"per_hour": 1},
    ],
)
def test_what_is_no_limit_is_refused(table: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RateLimits.model_validate(table)
