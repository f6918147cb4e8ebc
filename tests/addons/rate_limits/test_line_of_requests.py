"""Any course of requests under limits: who comes, waits, leaves, ends, and what holds at every moment."""

import asyncio
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from addons.rate_limits.counters import LocalCounters
from addons.rate_limits.limiter import Granted, Lease, RateLimiter, Spent
from addons.rate_limits.scope import Scope
from addons.state.store import MemoryStore
from tests.addons.rate_limits.test_counters import DAY, NOON, scope
from tests.addons.rate_limits.test_limiter import settled
from tests.addons.rate_limits.virtual_time import VirtualTime

SCOPES = [
    scope("provider a", concurrent=2, requests_per_minute=30),
    scope("key a 1", tokens_per_minute=600),
    scope("key a 2", concurrent=1, tokens_per_minute=60),
    scope("provider b", requests_per_minute=6, daily_usd=1.0),
    scope("route r", concurrent=3, tokens_per_minute=6000, daily_usd=3.0),
]
WAYS = st.lists(st.lists(st.sampled_from(SCOPES), min_size=1, max_size=3, unique=True), min_size=1, max_size=3)
TOKENS = st.sampled_from([0, 10, 50, 300, 1000, 10_000])
WAITS = st.sampled_from([0.0, 1.0, 20.0, 300.0])
ANY = st.integers(0, 1 << 16)


@dataclass
class Request:
    ways: list[list[Scope]]
    tokens: int
    until: float
    task: asyncio.Task[Granted | Spent]
    left: asyncio.Event


@dataclass
class Running:
    scopes: list[Scope]
    lease: Lease


class LineOfRequests(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualTime)
        self.loop = self.runner.get_loop()
        self.store = MemoryStore()
        self.counters = LocalCounters(self.store, lambda: NOON + self.loop.time())
        self.limiter = RateLimiter(self.counters, longest_line=8)
        self.waiting: list[Request] = []  # in the order of their coming
        self.running: list[Running] = []
        self.starts: dict[str, list[float]] = {}

    @rule(ways=WAYS, tokens=TOKENS, wait=WAITS)
    def come(self, ways: list[list[Scope]], tokens: int, wait: float) -> None:
        async def come() -> None:
            left = asyncio.Event()
            task = asyncio.create_task(self.limiter.acquire_any(ways, tokens, wait, left))
            self.waiting.append(Request(ways, tokens, self.loop.time() + wait, task, left))
            await settled()

        self.runner.run(come())
        self.note_who_was_served()

    @precondition(lambda self: self.running)
    @rule(which=ANY, tokens=st.none() | TOKENS, usd=st.sampled_from([0.0, 0.0, 0.25, 2.0]))
    def end(self, which: int, tokens: int | None, usd: float) -> None:
        async def end() -> None:
            running = self.running.pop(which % len(self.running))
            running.lease.release(tokens, usd)
            running.lease.release(10_000, 10.0)
            await settled()

        self.runner.run(end())
        self.note_who_was_served()

    @precondition(lambda self: self.waiting)
    @rule(which=ANY, is_cancelled=st.booleans())
    def leave(self, which: int, is_cancelled: bool) -> None:
        async def leave() -> None:
            request = self.waiting.pop(which % len(self.waiting))
            if is_cancelled:
                request.task.cancel()
            else:
                request.left.set()
            await settled()
            assert request.task.cancelled() if is_cancelled else isinstance(request.task.result(), Spent)

        self.runner.run(leave())
        self.note_who_was_served()

    @rule(seconds=st.sampled_from([0.001, 0.5, 3.0, 60.0]))
    def pass_time(self, seconds: float) -> None:
        until = self.loop.time() + seconds
        while self.loop.time() < until:  # in steps, so that those who are served are seen in their order
            self.runner.run(asyncio.sleep(min(0.5, until - self.loop.time())))
            self.runner.run(settled())
            self.note_who_was_served()

    def note_who_was_served(self) -> None:
        before, self.waiting = self.waiting, [request for request in self.waiting if not request.task.done()]
        for request in before:
            result = request.task.result() if request.task.done() else None
            if isinstance(result, Granted):
                scopes = request.ways[result.index]
                self.running.append(Running(scopes, result.lease))
                for used in scopes:
                    self.starts.setdefault(used.name, []).append(self.loop.time())
                self.assert_nobody_like_it_waits_longer(request, before)
            elif isinstance(result, Spent):
                assert result.retry_after >= 0 and result.message

    def assert_nobody_like_it_waits_longer(self, served: Request, before: list[Request]) -> None:
        older = before[: before.index(served)]
        assert not [
            request
            for request in older
            if not request.task.done() and (request.ways, request.tokens) == (served.ways, served.tokens)
        ]

    @invariant()
    def no_more_run_at_once_than_is_allowed(self) -> None:
        for used in SCOPES:
            running = sum(used in running.scopes for running in self.running)
            assert running <= (used.limits.concurrent or running)

    @invariant()
    def no_more_began_than_a_full_bucket_and_its_refill(self) -> None:
        for used in SCOPES:
            if per_minute := used.limits.requests_per_minute:
                starts = self.starts.get(used.name, [])
                for first, start in enumerate(starts):
                    began = len(starts) - first
                    assert began <= per_minute + per_minute * (self.loop.time() - start + 0.5) / 60 + 1e-6

    @invariant()
    def no_bucket_is_below_zero(self) -> None:
        for used in self.counters._used.values():
            for bucket in (used.requests, used.tokens):
                assert bucket is None or (0 <= bucket.level <= bucket.per_minute and bucket.owed >= 0)
                assert bucket is None or bucket.level == 0 or bucket.owed == 0
            assert used.in_flight >= 0

    @invariant()
    def everybody_is_served_or_refused_in_time(self) -> None:
        assert all(self.loop.time() <= request.until + 1e-6 for request in self.waiting)
        assert self.limiter.waiting == len(self.waiting) <= 8

    def teardown(self) -> None:
        """When all have gone, nothing is left of them but what they used."""

        async def all_go() -> None:
            for request in self.waiting:
                request.task.cancel()
            await settled()
            for running in self.running:
                running.lease.release(0)
            await asyncio.sleep(30 * DAY)  # which also pays what is owed
            everything = await self.limiter.acquire_any([SCOPES], 0, 0.0, asyncio.Event())
            assert isinstance(everything, Granted)
            for used in self.counters._used.values():
                assert used.in_flight == 1
                assert used.tokens is None or used.tokens.level == used.tokens.per_minute
            everything.lease.release(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        self.runner.run(all_go())
        assert self.limiter.waiting == 0
        self.runner.close()


LineOfRequests.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestLineOfRequests = LineOfRequests.TestCase
