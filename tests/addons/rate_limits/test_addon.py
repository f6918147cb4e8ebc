"""Who counts: this proxy alone, or Redis for all of a fleet."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from mitmproxy.test import taddons

from addons.rate_limits.addon import LimitCounters
from addons.rate_limits.counters import LocalCounters
from addons.rate_limits.scope import Scope
from addons.routing.rate_limits import RateLimits
from addons.state.addon import State
from addons.state.store import MemoryStore
from tests import servers
from tests.servers import RedisServer

ACME = Scope("provider acme", RateLimits.model_validate({"concurrent": 1, "daily_usd": 2.0}), "the provider acme")


async def test_alone_it_goes_on_with_what_was_spent_today() -> None:
    store = MemoryStore()
    spent = LocalCounters(store)
    await spent.take([ACME], 0)
    spent.give_back([ACME], 0, 0, 2.0)
    addon = LimitCounters(store)
    with taddons.context(State(), addon):
        addon.running()
        assert [lack.limit for lack in await addon.counters.take([ACME], 0)] == ["2 USD a day"]
        addon.done()


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with servers.redis_server() as running:
        yield running


@pytest.mark.slow
async def test_in_a_fleet_all_count_together(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_STATE", server.url)
    one, other = LimitCounters(MemoryStore()), LimitCounters(MemoryStore())
    with taddons.context(State()) as context:
        context.options.update(state_url_env="FLEET_STATE")
        one.running()
        other.running()
        assert await one.counters.take([ACME], 0) == []
        assert [lack.limit for lack in await other.counters.take([ACME], 0)] == ["1 at once"]
        one.done()
        deadline = time.monotonic() + 20
        while await other.counters.take([ACME], 0):  # what it held is free with it
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        other.done()
        await asyncio.sleep(0.1)
