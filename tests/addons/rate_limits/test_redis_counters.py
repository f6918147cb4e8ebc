"""Two proxies under the same limits, counted by a real Redis server."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import redis

from addons.rate_limits import redis_counters
from addons.rate_limits.counters import Lack
from addons.rate_limits.limiter import Granted, RateLimiter
from addons.rate_limits.redis_counters import RedisCounters
from addons.rate_limits.scope import Scope
from addons.routing.rate_limits import RateLimits
from tests import servers
from tests.servers import RedisServer

pytestmark = pytest.mark.slow

PATIENCE = 20.0


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with servers.redis_server() as running:
        yield running


@pytest.fixture
async def pair(server: RedisServer) -> AsyncIterator[tuple[RedisCounters, RedisCounters]]:
    both = RedisCounters(server.url), RedisCounters(server.url)
    yield both
    for counters in both:
        await counters.close()


@pytest.fixture
def client(server: RedisServer) -> Iterator[Any]:
    with redis.Redis(unix_socket_path=str(server.path), decode_responses=True) as client:
        yield client


def scope(name: str = "provider acme", **limits: float) -> Scope:
    return Scope(name, RateLimits.model_validate(limits), f"the {name}")


def limits(lacks: list[Lack]) -> list[str]:
    return [lack.limit for lack in lacks]


async def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.02)


async def becomes_free(counters: RedisCounters, *scopes: Scope, tokens: int = 0) -> None:
    deadline = time.monotonic() + PATIENCE
    while await counters.take(scopes, tokens):
        assert time.monotonic() < deadline, "it did not become free"
        await asyncio.sleep(0.05)


async def test_slots_are_everybodys(pair: tuple[RedisCounters, RedisCounters]) -> None:
    one, other = pair
    acme = scope(concurrent=2)
    assert await one.take([acme], 0) == await other.take([acme], 0) == []
    assert await one.take([acme], 0) == [Lack(acme, "2 at once", None)]
    other.give_back([acme], 0, 0, 0.0)
    await becomes_free(one, acme)
    assert limits(await other.take([acme], 0)) == ["2 at once"]


async def test_requests_and_tokens_are_everybodys(pair: tuple[RedisCounters, RedisCounters]) -> None:
    one, other = pair
    acme, key = scope(requests_per_minute=2), scope("key acme abc", tokens_per_minute=1000)
    assert await one.take([acme, key], 400) == await other.take([acme, key], 400) == []
    lacks = await one.take([acme, key], 400)
    assert limits(lacks) == ["2 requests a minute", "1,000 tokens a minute"]
    assert 0 < (lacks[0].seconds or 0) <= 30 and 0 < (lacks[1].seconds or 0) <= 12
    other.give_back([acme, key], 1, 400, 0.0)
    await becomes_free(one, acme, key, tokens=400)


async def test_nothing_is_taken_where_something_lacks(pair: tuple[RedisCounters, RedisCounters]) -> None:
    one, other = pair
    acme, full = scope(concurrent=1, requests_per_minute=1), scope("route x", concurrent=1)
    assert await other.take([full], 0) == []
    assert limits(await one.take([acme, full], 0)) == ["1 at once"]
    assert await one.take([acme], 0) == []


async def test_what_was_used_beyond_the_estimate_is_owed(pair: tuple[RedisCounters, RedisCounters]) -> None:
    one, other = pair
    acme = scope(tokens_per_minute=600)
    assert await one.take([acme], 100) == []
    one.give_back([acme], 0, -1100, 0.0)
    await wait_for(lambda: not one._untold)
    [lack] = await other.take([acme], 1)
    assert lack.limit == "600 tokens a minute" and 50 < (lack.seconds or 0) <= 61


async def test_a_days_dollars_are_everybodys(pair: tuple[RedisCounters, RedisCounters]) -> None:
    one, other = pair
    acme = scope(daily_usd=1.5)
    assert await one.take([acme], 0) == await other.take([acme], 0) == []
    one.give_back([acme], 0, 0, 1.0)
    other.give_back([acme], 0, 0, 0.5)
    await wait_for(lambda: not one._untold and not other._untold)
    [lack] = await one.take([acme], 0)
    assert lack.limit == "1.5 USD a day" and 0 < (lack.seconds or 0) <= 86_400


async def test_the_slots_of_a_dead_proxy_are_free_again(
    server: RedisServer, pair: tuple[RedisCounters, RedisCounters], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_counters, "_ALIVE_SECONDS", 0.5)
    monkeypatch.setattr(redis_counters, "_BEAT_SECONDS", 0.1)
    one, other = pair
    acme = scope(concurrent=1)
    assert await one.take([acme], 0) == []
    await asyncio.sleep(1.5)  # three lives
    assert limits(await other.take([acme], 0)) == ["1 at once"]
    assert one._teller
    one._teller.cancel()  # as when it was killed
    await becomes_free(other, acme)


async def test_without_redis_each_counts_alone_and_tells_it_later(
    server: RedisServer,
    pair: tuple[RedisCounters, RedisCounters],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(redis_counters, "_RETRY_SECONDS", (0.05, 0.2))
    one, other = pair
    acme = scope(concurrent=2, tokens_per_minute=1000)
    assert await one.take([acme], 100) == []
    server.stop()
    assert await one.take([acme], 100) == []
    assert limits(await one.take([acme], 100)) == ["2 at once"]  # which it held before is not forgotten
    assert await other.take([acme], 100) == []
    other.give_back([acme], 0, 0, 0.0)
    assert len(caplog.records) == 2 and "each proxy counts alone" in caplog.text
    server.start()  # it has lost all
    await wait_for(lambda: caplog.text.count("Redis can be used again") == 2)
    lacks = await other.take([acme], 1000)
    assert limits(lacks) == ["2 at once", "1,000 tokens a minute"]
    one.give_back([acme], 0, 0, 0.0)
    await becomes_free(other, acme)


async def test_a_line_moves_on_when_another_proxy_is_done(pair: tuple[RedisCounters, RedisCounters]) -> None:
    one, other = pair
    acme, left = scope(concurrent=1), asyncio.Event()
    first = await RateLimiter(other).acquire_any([[acme]], 0, 0, left)
    assert isinstance(first, Granted)
    waiting = asyncio.create_task(RateLimiter(one, look_again=0.1).acquire_any([[acme]], 0, PATIENCE, left))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    first.lease.release()
    assert isinstance(await waiting, Granted)


async def test_never_more_at_once_than_allowed(pair: tuple[RedisCounters, RedisCounters]) -> None:
    limiters = [RateLimiter(counters, look_again=0.05) for counters in pair]
    acme, left, running, most = scope(concurrent=3), asyncio.Event(), 0, 0

    async def request(number: int) -> None:
        nonlocal running, most
        granted = await limiters[number % 2].acquire_any([[acme]], 0, PATIENCE, left)
        assert isinstance(granted, Granted)
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        granted.lease.release()

    await asyncio.gather(*(request(number) for number in range(40)))
    assert most == 3


async def test_what_it_leaves_in_redis_does_not_stay(pair: tuple[RedisCounters, RedisCounters], client: Any) -> None:
    one, _ = pair
    acme = scope(concurrent=2, requests_per_minute=5)
    assert await one.take([acme], 0) == []
    keys = client.keys("transcodex:*")
    assert len(keys) == 3 and all(client.ttl(key) > 0 for key in keys)


@pytest.mark.parametrize("url", ["", "http://host", "redis://:pass@word@host:port/0"])
def test_what_is_no_address_is_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="this is no address of a Redis server") as problem:
        RedisCounters(url)
    assert problem.value.__suppress_context__
