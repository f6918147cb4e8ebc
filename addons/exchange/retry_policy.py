"""What is tried first, and what comes after an attempt that failed while the client had read nothing."""

from dataclasses import dataclass, replace
from typing import Protocol

from addons.exchange.exchange import Attempt, Exchange, Plan, RetryState
from converters.errors import Fault, RequestError


class RetryPolicy(Protocol):
    def begin(self, exchange: Exchange) -> RetryState:
        """`exchange.endpoints` has at least one."""


class SameEndpoint:
    """Tries once more only what may well go better at the first endpoint at once."""

    def begin(self, exchange: Exchange) -> RetryState:
        return _Once(Plan(exchange.endpoints[0]))


@dataclass
class _Once:
    plan: Plan | None
    attempts: int = 0

    async def next_plan(self) -> Plan | None:
        return self.plan

    def not_convertible(self, error: RequestError) -> None:
        self.plan = None

    def attempt_ended(self, attempt: Attempt) -> None:
        self.attempts += 1
        plan, self.plan = attempt.plan, None
        if plan is None or attempt.fault is None:
            return
        if attempt.conversion.blames_reasoning:
            self.plan = replace(plan, reasoning_stripped=True)
        elif attempt.conversion.blames_previous_response:
            self.plan = replace(plan, previous_response_stripped=True)
        elif self.attempts == 1 and is_stale_connection(attempt, attempt.fault):
            self.plan = plan

    def exchange_ended(self) -> None:
        self.plan = None


def is_stale_connection(attempt: Attempt, fault: Fault) -> bool:
    """Whether it met a kept connection that its upstream had closed, and so never saw the request."""
    if attempt.flow.response is not None or fault.kind != "cut":
        return False
    opened = attempt.flow.server_conn.timestamp_start
    return opened is not None and opened < attempt.flow.request.timestamp_start
