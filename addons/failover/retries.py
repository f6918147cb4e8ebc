"""One exchange's attempts: what was tried, what came of it, and what is next."""

import logging
import math
from dataclasses import dataclass, replace

from mitmproxy import flow

from addons.exchange import error_response
from addons.exchange.exchange import Attempt, Exchange, Plan
from addons.exchange.retry_policy import is_stale_connection
from addons.failover import turn_state
from addons.failover.backoff import seconds
from addons.failover.budget import Budget
from addons.failover.causes import CONSEQUENCES
from addons.failover.collaborators import Collaborators
from addons.failover.mends import Mends
from addons.failover.most_telling import is_worth_telling, most_telling
from addons.failover.schedule import Schedule, Step
from addons.failover.turn_state import TurnState
from addons.failover.ways import Way
from addons.health.record import Use
from addons.rate_limits.limiter import Lease, Spent
from addons.rate_limits.scope import Scope, route_scope, scopes
from addons.routing.price import total_tokens
from addons.runtime.printable import printable
from converters import errors
from converters.errors import Fault, Kind, RequestError

logger = logging.getLogger(__name__)

_LONGEST_WAIT = 86_400.0
"""Seconds that a client is told to wait."""


@dataclass(frozen=True, slots=True)
class _Running:
    """What is held for an attempt, from its plan to its end."""

    way: Way
    plan: Plan
    use: Use
    lease: Lease


class Retries:
    """Fit for `RetryState`. Of what it takes for an attempt, everything is given back exactly once: at the end of the
    attempt, or of the exchange where there was none."""

    def __init__(
        self,
        exchange: Exchange,
        ordered: list[Way],
        turn: TurnState | None,
        budget: Budget,
        collaborators: Collaborators,
    ) -> None:
        """`ordered` are the ways to serve it, the best first."""
        self._exchange, self._budget, self._with = exchange, budget, collaborators
        self._began = collaborators.clock()
        self._schedule = Schedule(ordered, collaborators.health, collaborators.random)
        self._mends = Mends(collaborators.lessons.trial())
        self._has_choice = len(ordered) > 1
        self._turn = turn
        self._running: _Running | None = None
        self._last: Way | None = None
        self._step = self._schedule.next(self._began, 0.0)

    async def next_plan(self) -> Plan | None:
        step, self._step = self._step, None
        if step is not None and step.wait:
            await self._with.pause(step.wait, self._exchange.client_left)
        self._running = await self._admitted(step) if step is not None else None
        if self._running is not None:
            return self._running.plan
        if self._exchange.reported is not None and self._exchange.flow.response is None:
            self._exchange.fault = self._exchange.reported.fault
        return None

    def not_convertible(self, error: RequestError) -> None:
        running = self._running
        self.exchange_ended()
        assert running is not None
        self._schedule.drop(running.way.provider)
        self._step = self._next_step()
        what = f"{running.way.provider} cannot be sent this ({error.param or type(error).__name__})"
        self._log(f"{what}, {self._what_next('')}")

    def attempt_ended(self, attempt: Attempt) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        self._settle(running, attempt)
        if attempt.outcome == "answered":
            self._mends.confirm(running.plan)
        if attempt.fault is None or self._exchange.flow.response is not None or _was_killed(attempt):
            return
        mend = self._mends.found(attempt, running.plan)
        if mend:
            self._schedule.repeat(running.way)
        else:
            self._schedule.fail(running.way, attempt.fault, self._with.clock())
        self._exchange.reported = most_telling(self._exchange.attempts, self._with.clock())
        self._step = self._next_step()
        attempt.next_step = self._what_next(mend)
        if self._step is not None:
            status = f"{attempt.status} " if attempt.status else ""
            self._log(f"{running.way.provider} failed ({status}{attempt.fault.kind}), {attempt.next_step}")

    def exchange_ended(self) -> None:
        running, self._running, self._step = self._running, None, None
        if running is not None:
            self._with.health.abandon(running.use)
            running.lease.undo()

    # --- before an attempt ---

    async def _admitted(self, step: Step) -> _Running | None:
        """The first of these ways that the limits allow."""
        left, spent = self._exchange.client_left, None
        for ways in filter(None, (step.ways, step.cooling)):
            if left.is_set():
                return None
            options, wait = [self._scopes(way) for way in ways], max(0.0, self._longest_wait())
            found = await self._with.limiter.acquire_any(options, self._exchange.estimated_tokens, wait, left)
            if isinstance(found, Spent):
                spent = spent or found
            elif left.is_set():
                found.lease.undo()
            else:
                return self._start(ways[found.index], step.wait, found.lease)
        if spent is not None and not left.is_set():
            self._tell_spent(spent)
        return None

    def _start(self, way: Way, wait: float, lease: Lease) -> _Running:
        plan = Plan(way.endpoint, key=way.key, wait=wait, reason=self._reason(way))
        if self._has_choice or self._turn:
            kept = self._turn.upstream if self._turn and self._turn.account.provider == way.provider else ""
            prefix = turn_state.prefix(way.account) if self._has_choice else ""
            plan = replace(plan, turn_state=kept, turn_state_prefix=prefix)
        plan = self._mends.applied(plan)
        self._last = way
        self._schedule.begin(way)
        return _Running(way, plan, self._with.health.begin(way.account), lease)

    def _scopes(self, way: Way) -> tuple[Scope, ...]:
        route = self._exchange.route
        own = scopes(way.endpoint, way.key)
        return (
            own if route is None or route.limits is None else (*own, route_scope(" ".join(route.models), route.limits))
        )

    def _tell_spent(self, spent: Spent) -> None:
        """The client reads it, unless an attempt has failed in a way that tells more."""
        reported = self._exchange.reported
        if reported is None or reported.fault is None or not is_worth_telling(reported.fault):
            wait = max(1, math.ceil(min(spent.retry_after, _LONGEST_WAIT)))
            kind: Kind = "rate_limited" if wait <= errors.LONGEST_WAIT else "quota"
            note = "" if wait <= errors.LONGEST_WAIT else f" (come back in {math.ceil(wait / 3600)} h)"
            self._exchange.fault = fault = Fault(kind, spent.message + note, 429, wait)
            response = errors.client_response(fault, self._exchange.client)
            self._exchange.flow.response = error_response.response(response)

    # --- after an attempt ---

    def _settle(self, running: _Running, attempt: Attempt) -> None:
        """Tells the others what came of it, where it says something of the provider or the key."""
        health, fault = self._with.health, attempt.fault
        if _says_nothing(attempt, running.way):
            health.abandon(running.use)
        else:
            wait = seconds(fault.retry_after, self._with.clock()) if fault else None
            first_byte = attempt.first_byte - attempt.started if attempt.first_byte else None
            health.end(running.use, fault.kind if fault else None, retry_after=wait, first_byte_seconds=first_byte)
        usage, price = attempt.usage, running.way.endpoint.price
        running.lease.release(total_tokens(usage) if usage else None, price.usd(usage) if price else 0.0)

    def _next_step(self) -> Step | None:
        if len(self._exchange.attempts) >= self._budget.attempts:
            return None
        return self._schedule.next(self._with.clock(), self._longest_wait())

    def _longest_wait(self) -> float:
        """Negative when the time is over."""
        return min(self._budget.wait, self._began + self._budget.seconds - self._with.clock())

    # --- for people ---

    def _what_next(self, mend: str) -> str:
        if self._step is None:
            return self._why_no_more()
        reason = mend or self._reason(self._step.ways[0])
        return f"{reason} in {self._step.wait:.1f} s" if self._step.wait else reason

    def _why_no_more(self) -> str:
        if len(self._exchange.attempts) >= self._budget.attempts > 1:
            return f"no more than {self._budget.attempts} attempts"
        wait = self._schedule.shortest_wait(self._with.clock())
        return f"no more, since that has to wait {wait:.0f} s" if wait else ""

    def _reason(self, way: Way) -> str:
        last = self._last
        if last is None:
            return ""
        if way == last:
            return "next try"
        return "next key" if way.provider == last.provider else f"next provider {way.provider}"

    def _log(self, what: str) -> None:
        logger.info("%s: %s", self._exchange.flow.id[:8], printable(what))


def _says_nothing(attempt: Attempt, way: Way) -> bool:
    """Whether its end is no news of the provider or the key."""
    if attempt.outcome in ("killed", "client_left") or _was_killed(attempt):
        return True
    if attempt.fault is None:
        return False
    is_clients_own = way.endpoint.own_credentials and CONSEQUENCES[attempt.fault.kind].concerns == "key"
    return is_clients_own or is_stale_connection(attempt, attempt.fault)


def _was_killed(attempt: Attempt) -> bool:
    """A user stopped it."""
    error = attempt.flow.error
    return attempt.outcome == "killed" or (error is not None and error.msg == flow.Error.KILLED_MESSAGE)
