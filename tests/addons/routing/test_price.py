"""What a response has cost."""

from typing import Any

import pytest
from pydantic import ValidationError

from addons.routing.price import MOST_TOKENS, Price, total_tokens

USAGE = {
    "input_tokens": 1_000_000,
    "input_tokens_details": {"cached_tokens": 600_000, "cache_write_tokens": 100_000},
    "output_tokens": 200_000,
}


def test_each_kind_of_token_has_its_price() -> None:
    price = Price(input=3, output=15, cached=0.3, cache_write=3.75)
    assert price.usd(USAGE) == pytest.approx(0.3 * 3 + 0.2 * 15 + 0.6 * 0.3 + 0.1 * 3.75)


def test_what_has_no_price_of_its_own_costs_as_other_input() -> None:
    assert Price(input=2, output=10).usd(USAGE) == pytest.approx(2 + 2)


@pytest.mark.parametrize(
    "usage",
    [None, {}, {"input_tokens": None}, {"input_tokens": "many", "input_tokens_details": [1]}, {"output_tokens": -5}],
)
def test_what_was_not_counted_costs_nothing(usage: Any) -> None:
    assert Price(input=2, output=10).usd(usage) == 0
    assert total_tokens(usage) == 0


def test_more_cached_tokens_than_there_were_cost_no_less_than_nothing() -> None:
    assert Price(input=2, output=10, cached=0).usd({"input_tokens_details": {"cached_tokens": 10}}) == 0


@pytest.mark.parametrize("lie", [10**9, 2**63, 10**400])
def test_more_tokens_than_any_model_takes_are_not_believed(lie: int) -> None:
    """An upstream that lies would use up the limits of a route, which other providers share."""
    usage = {"input_tokens": lie, "output_tokens": lie, "input_tokens_details": {"cached_tokens": lie}}
    assert total_tokens(usage) == 2 * MOST_TOKENS
    assert Price(input=1, output=1).usd(usage) <= 2 * MOST_TOKENS / 1_000_000


def test_tokens_are_those_of_the_request_and_the_response() -> None:
    assert total_tokens(USAGE) == 1_200_000


@pytest.mark.parametrize("table", [{"input": 1}, {"input": -1, "output": 1}, {"input": "1", "output": 1}])
def test_what_is_no_price_is_refused(table: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Price.model_validate(table)
