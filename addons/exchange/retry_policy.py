"""What is tried first, and what comes after an attempt that failed while the client had read nothing."""

from typing import Protocol

from addons.exchange.exchange import Attempt, Exchange, Plan
from converters.errors import Fault


class RetryPolicy(Protocol):
    def first(self, exchange: Exchange) -> Plan:
        """`exchange.endpoints` has at least one."""

    def after(self, exchange: Exchange, attempt: Attempt, fault: Fault) -> Plan | None:
        """What is tried after this attempt; None ends the exchange, and its client reads this fault."""


class SameEndpoint:
    """Tries once more only what may well go better at the same endpoint."""

    def first(self, exchange: Exchange) -> Plan:
        return Plan(exchange.endpoints[0])

    def after(self, exchange: Exchange, attempt: Attempt, fault: Fault) -> Plan | None:
        if attempt.plan is None:
            return None
        if len(exchange.attempts) == 1 and is_stale_connection(attempt, fault):
            return attempt.plan
        if attempt.conversion.blames_reasoning:
            return Plan(attempt.plan.endpoint, reasoning_stripped=True)
        return None


def is_stale_connection(attempt: Attempt, fault: Fault) -> bool:
    """Whether it met a kept connection that its upstream had closed, and so never saw the request."""
    if attempt.flow.response is not None or fault.kind != "cut":
        return False
    opened = attempt.flow.server_conn.timestamp_start
    return opened is not None and opened < attempt.flow.request.timestamp_start
