"""An exchange without a proxy: a script says what comes of each attempt, and time is what it says."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from mitmproxy import http
from mitmproxy.test import tflow

from addons.exchange.exchange import Attempt, Exchange, Outcome, Plan, RetryState
from addons.failover.budget import Budget
from addons.failover.choice import Chooser
from addons.failover.collaborators import Collaborators
from addons.failover.retries import Retries
from addons.failover.turn_state import TurnState
from addons.failover.ways import ways
from addons.health.health import Health
from addons.lessons.lessons import Lessons
from addons.rate_limits.counters import LocalCounters
from addons.rate_limits.limiter import RateLimiter
from addons.routing.endpoint import ProviderEndpoint
from addons.routing.router import Route
from addons.state.store import MemoryStore
from converters.chat.dialect import ChatDialect
from converters.conversion import Upstream
from converters.errors import Fault
from converters.jsontext import Json
from tests.addons.layer_harness import UppercaseConverter


def endpoint(name: str, *keys: str, **fields: Any) -> ProviderEndpoint:
    upstream = Upstream(name, "chat", "m", ChatDialect())
    return ProviderEndpoint(upstream, f"https://{name}/v1", "bearer" if keys else "none", keys, **fields)


@dataclass
class Clock:
    now: float = 1e9

    def __call__(self) -> float:
        return self.now

    async def pause(self, seconds: float, left: asyncio.Event) -> None:
        if not left.is_set():
            self.now += seconds


@dataclass
class World:
    """What outlives an exchange."""

    clock: Clock = field(default_factory=Clock)
    seed: int = 0

    def __post_init__(self) -> None:
        store, random = MemoryStore(), Random(self.seed)
        self.health = Health(store, self.clock)
        self.limiter = RateLimiter(LocalCounters(store, self.clock))
        self.lessons = Lessons(store, self.clock)
        self.chooser = Chooser(self.health, random)
        self.collaborators = Collaborators(
            self.health, self.limiter, self.lessons, random, self.clock, self.clock.pause
        )


type Script = Callable[[Plan], Fault | None]
"""What comes of an attempt; None is an answer."""


@dataclass
class Simulation:
    """`attempt_seconds` is how long each attempt takes."""

    endpoints: Sequence[ProviderEndpoint]
    world: World = field(default_factory=World)
    budget: Budget = field(default_factory=Budget)
    route: Route | None = None
    turn: TurnState | None = None
    attempt_seconds: float = 0.1

    def __post_init__(self) -> None:
        self.exchange = Exchange(tflow.tflow(), endpoints=self.endpoints, route=self.route)
        ordered = self.world.chooser.ordered(ways(self.endpoints), self.route)
        self.retries: RetryState = Retries(self.exchange, ordered, self.turn, self.budget, self.world.collaborators)
        self.plans: list[Plan] = []
        self.began: list[float] = []
        """When each attempt began, in seconds after the exchange."""
        self._started = self.world.clock()

    @property
    def tried(self) -> str:
        """The providers in order, each by its name."""
        return " ".join(plan.endpoint.upstream.provider_name for plan in self.plans)

    async def run(self, script: Script) -> Attempt | None:
        """Until it is answered, or nothing more is tried; the attempt that the client reads."""
        while (plan := await self.retries.next_plan()) is not None:
            attempt = self.attempted(plan, script(plan))
            if attempt.fault is None:
                self.retries.exchange_ended()
                return attempt
        self.retries.exchange_ended()
        return self.exchange.reported

    def attempted(
        self, plan: Plan, fault: Fault | None, outcome: Outcome | None = None, usage: Json | None = None
    ) -> Attempt:
        """An attempt from its start to its end."""
        self.plans.append(plan)
        self.began.append(self.world.clock() - self._started)
        flow = tflow.tflow(resp=fault is None or fault.status is not None)
        if flow.response and fault:
            flow.response = http.Response.make(fault.status or 500)
        flow.server_conn.timestamp_start = flow.request.timestamp_start  # a connection of its own
        converter = UppercaseConverter()
        converter.usage = usage
        attempt = Attempt(flow, converter, plan=plan, started=self.world.clock())
        self.world.clock.now += self.attempt_seconds
        attempt.outcome = outcome or ("answered" if fault is None else "refused" if fault.status else "failed")
        attempt.fault, attempt.ended = fault, self.world.clock()
        attempt.first_byte = attempt.ended if fault is None else 0.0
        self.exchange.attempts.append(attempt)
        self.retries.attempt_ended(attempt)
        return attempt
