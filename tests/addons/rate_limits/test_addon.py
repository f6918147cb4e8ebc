"""What was spent today outlives the program."""

import asyncio

from addons.rate_limits.addon import DailySpend
from addons.rate_limits.counters import LocalCounters
from addons.rate_limits.limiter import Granted, RateLimiter, Spent
from addons.rate_limits.scope import Scope
from addons.routing.rate_limits import RateLimits
from addons.state.store import LateStore, MemoryStore

SCOPES = [[Scope("provider a", RateLimits(daily_usd=1.0), "the provider a")]]


async def acquired(counters: LocalCounters) -> Granted | Spent:
    return await RateLimiter(counters).acquire_any(SCOPES, 0, 0.0, asyncio.Event())


async def test_what_was_spent_today_counts_after_a_restart() -> None:
    remembered, clock = MemoryStore(), lambda: 1e9
    granted = await acquired(LocalCounters(remembered, clock))
    assert isinstance(granted, Granted)
    granted.lease.release(0, 2.0)
    store = LateStore()
    counters = LocalCounters(store, clock)
    store.open(remembered)
    DailySpend(counters).running()
    assert isinstance(await acquired(counters), Spent)
