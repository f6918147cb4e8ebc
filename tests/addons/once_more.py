"""A retry policy for tests."""

from dataclasses import dataclass

from addons.exchange.exchange import Attempt, Exchange, Plan
from converters.errors import RequestError


class OnceMore:
    """Tries whatever failed once more, at the first endpoint."""

    def begin(self, exchange: Exchange) -> "_TwoPlans":
        return _TwoPlans(exchange)


@dataclass
class _TwoPlans:
    exchange: Exchange

    async def next_plan(self) -> Plan | None:
        return Plan(self.exchange.endpoints[0]) if len(self.exchange.attempts) < 2 else None

    def not_convertible(self, error: RequestError) -> None:
        raise AssertionError from error

    def attempt_ended(self, attempt: Attempt) -> None:
        """Nothing depends on it."""

    def exchange_ended(self) -> None:
        """Nothing is held."""
