"""What a model costs, and what a response has cost."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from addons.routing.table import Table

_MILLION = 1_000_000

MOST_TOKENS = 20 * _MILLION
"""Of a request, or of a response; no model takes so many."""

type _Dollars = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]


class Price(Table):
    """In USD for a million tokens. What has no price of its own costs as much as other input."""

    input: _Dollars
    output: _Dollars
    cached: _Dollars | None = None
    """Input that was read from the provider's cache."""

    cache_write: _Dollars | None = None
    """Input that was written into it."""

    def usd(self, usage: Mapping[str, Any] | None) -> float:
        """What a response has cost, by the `usage` that it reported in the form of the Responses API."""
        usage = usage or {}
        details = usage.get("input_tokens_details")
        cached, written = _count(details, "cached_tokens"), _count(details, "cache_write_tokens")
        plain = max(0, _count(usage, "input_tokens") - cached - written)
        cost = plain * self.input + _count(usage, "output_tokens") * self.output
        cost += cached * (self.input if self.cached is None else self.cached)
        cost += written * (self.input if self.cache_write is None else self.cache_write)
        return cost / _MILLION


def total_tokens(usage: Mapping[str, Any] | None) -> int:
    """Of the request and the response together."""
    return _count(usage, "input_tokens") + _count(usage, "output_tokens")


def _count(table: Any, name: str) -> int:
    """An upstream's number, as far as it can be true; 0 for what is none."""
    count = table.get(name) if isinstance(table, Mapping) else None
    return min(count, MOST_TOKENS) if isinstance(count, int) and count > 0 else 0
