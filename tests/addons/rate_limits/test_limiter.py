"""The line of requests that wait for what the limits allow, in a time of its own."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from addons.rate_limits.counters import Lack, LocalCounters
from addons.rate_limits.limiter import Granted, Lease, RateLimiter, Spent
from addons.rate_limits.scope import Scope
from addons.state.store import MemoryStore
from tests.addons.rate_limits.test_counters import DAY, NOON, scope
from tests.addons.rate_limits.virtual_time import VirtualTime


class Requests:
    """Requests under limits, in the order of their coming."""

    def __init__(self, longest_line: int = 1000) -> None:
        loop = asyncio.get_running_loop()
        self.time = loop.time
        self.limiter = RateLimiter(LocalCounters(MemoryStore(), lambda: NOON + loop.time()), longest_line=longest_line)
        self.served: list[str] = []

    async def ask(self, *options: Sequence[Scope], tokens: int = 0, wait: float = 0.0) -> Granted | Spent:
        return await self.limiter.acquire_any(options, tokens, wait, asyncio.Event())

    async def granted(self, *options: Sequence[Scope], tokens: int = 0, wait: float = 0.0) -> Lease:
        result = await self.ask(*options, tokens=tokens, wait=wait)
        assert isinstance(result, Granted)
        return result.lease

    async def spent(self, *options: Sequence[Scope], tokens: int = 0, wait: float = 0.0) -> tuple[float, str]:
        result = await self.ask(*options, tokens=tokens, wait=wait)
        assert isinstance(result, Spent)
        return result.retry_after, result.message

    async def queued(
        self,
        name: str,
        *options: Sequence[Scope],
        tokens: int = 0,
        wait: float = 100.0,
        left: asyncio.Event | None = None,
    ) -> asyncio.Task[Granted | Spent]:
        """One that stands in line, and is named in `served` when it is let through."""

        async def wait_for_it() -> Granted | Spent:
            result = await self.limiter.acquire_any(options, tokens, wait, left or asyncio.Event())
            self.served += [name] * isinstance(result, Granted)
            return result

        before = self.limiter.waiting
        task = asyncio.create_task(wait_for_it())
        await settled()
        assert (self.limiter.waiting, task.done()) == (before + 1, False)
        return task


async def settled() -> None:
    """Until everybody has done what can be done at this moment."""
    for _ in range(10):
        await asyncio.sleep(0)


type Scenario = Callable[[Requests], Coroutine[Any, Any, None]]


def in_virtual_time(scenario: Scenario) -> Callable[[], None]:
    """A test of requests under limits; nobody waits when it ends, and no task is left."""

    async def run() -> None:
        requests = Requests()
        await scenario(requests)
        await settled()
        assert requests.limiter.waiting == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    def test() -> None:
        with asyncio.Runner(loop_factory=VirtualTime) as runner:
            runner.run(run())

    test.__name__, test.__doc__ = scenario.__name__, scenario.__doc__
    return test


ONE = scope("provider one", concurrent=1)
TWO = scope("provider two", concurrent=1)


PER_MINUTE = scope("provider counted", requests_per_minute=60, tokens_per_minute=600)


@in_virtual_time
async def test_the_first_free_way_is_taken(requests: Requests) -> None:
    for index in (0, 1):
        result = await requests.ask([ONE], [TWO])
        assert isinstance(result, Granted) and result.index == index


@in_virtual_time
async def test_a_way_without_limits_is_always_free(requests: Requests) -> None:
    await requests.granted([ONE])
    for ways, index in (([[], [ONE]], 0), ([[ONE], []], 1)):
        result = await requests.ask(*ways)
        assert isinstance(result, Granted) and result.index == index
        result.lease.release(10, 1.0)


@in_virtual_time
async def test_what_is_used_up_and_when_to_come_again_is_told(requests: Requests) -> None:
    await requests.granted([PER_MINUTE], tokens=600)
    await requests.granted([ONE])
    assert await requests.spent([PER_MINUTE], tokens=10) == (
        1.0,
        "no more is allowed now: 600 tokens a minute for the provider counted",
    )
    assert await requests.spent([ONE, PER_MINUTE], [PER_MINUTE], tokens=60) == (
        6.0,
        "no more is allowed now: 1 at once for the provider one, 600 tokens a minute for the provider counted",
    )


@in_virtual_time
async def test_a_message_names_a_few_limits_only(requests: Requests) -> None:
    keys = [scope(f"key {number}", concurrent=1) for number in range(6)]
    for key in keys:
        await requests.granted([key])
    _, message = await requests.spent(*([key] for key in keys))
    assert message.count(" for the key ") == 4 and message.endswith("1 at once for the key 3, and 2 more")


@in_virtual_time
async def test_who_waits_is_served_in_order(requests: Requests) -> None:
    lease = await requests.granted([ONE])
    tasks = [await requests.queued(name, [ONE]) for name in "abc"]
    for served in ("a", "ab", "abc"):
        lease.release()
        await settled()
        assert "".join(requests.served) == served
        granted = tasks[len(served) - 1].result()
        assert isinstance(granted, Granted)
        lease = granted.lease


@in_virtual_time
async def test_a_refill_serves_who_waits_for_it_at_its_time(requests: Requests) -> None:
    await requests.granted([PER_MINUTE], tokens=600)
    await requests.queued("a", [PER_MINUTE], tokens=300)
    await requests.queued("b", [PER_MINUTE], tokens=100)
    await asyncio.sleep(29.9)
    assert requests.served == []
    await asyncio.sleep(0.2)
    assert requests.served == ["a"]
    await asyncio.sleep(10)
    assert requests.served == ["a", "b"]


@in_virtual_time
async def test_a_small_request_does_not_overtake_a_large_one(requests: Requests) -> None:
    await requests.granted([PER_MINUTE], tokens=500)
    await requests.queued("large", [PER_MINUTE], tokens=400)
    await requests.queued("small", [PER_MINUTE], tokens=1)
    await asyncio.sleep(29.9)
    assert requests.served == []
    await asyncio.sleep(0.3)
    assert requests.served == ["large", "small"]


@in_virtual_time
async def test_who_waits_for_something_else_is_not_held_up(requests: Requests) -> None:
    lease = await requests.granted([ONE])
    waiting = await requests.queued("a", [ONE])
    await requests.granted([TWO])
    lease.release()
    await waiting


@in_virtual_time
async def test_a_limit_that_is_not_used_up_holds_up_nobody(requests: Requests) -> None:
    route = scope("route", concurrent=1)
    lease = await requests.granted([route])
    waiting = await requests.queued("a", [TWO, route])
    (await requests.granted([TWO])).release()
    lease.release()
    await waiting


@in_virtual_time
async def test_a_larger_request_than_a_minutes_worth_waits_for_all_of_it(requests: Requests) -> None:
    await requests.granted([PER_MINUTE], tokens=60)
    await requests.queued("huge", [PER_MINUTE], tokens=6000)
    await asyncio.sleep(5.9)
    assert requests.served == []
    await asyncio.sleep(0.2)
    assert requests.served == ["huge"]


@in_virtual_time
async def test_what_cannot_be_had_in_time_is_refused_at_once(requests: Requests) -> None:
    await requests.granted([PER_MINUTE], tokens=600)
    started = requests.time()
    retry_after, _ = await requests.spent([PER_MINUTE], tokens=300, wait=29)
    assert (retry_after, requests.time()) == (30, started)


@in_virtual_time
async def test_who_stands_behind_one_that_waits_longer_than_it_could_is_refused_at_once(requests: Requests) -> None:
    await requests.granted([PER_MINUTE], tokens=600)
    waiting = await requests.queued("a", [PER_MINUTE], tokens=300)
    retry_after, _ = await requests.spent([PER_MINUTE], tokens=1, wait=20)
    assert retry_after == pytest.approx(30)
    await waiting


@in_virtual_time
async def test_waiting_ends_in_time(requests: Requests) -> None:
    lease = await requests.granted([ONE])
    assert await requests.spent([ONE], wait=7) == (5.0, "no more is allowed now: 1 at once for the provider one")
    assert requests.time() == 7
    lease.release()
    await requests.granted([ONE])


@in_virtual_time
async def test_a_day_that_is_spent_is_waited_for_only_by_who_has_that_long(requests: Requests) -> None:
    acme = scope(daily_usd=1.0)
    (await requests.granted([acme])).release(usd=1.5)
    assert await requests.spent([acme], wait=900) == (
        DAY / 2,
        "no more is allowed now: 1 USD a day for the provider acme",
    )
    await requests.queued("a", [acme], wait=DAY)
    await asyncio.sleep(DAY / 2 + 1)
    assert requests.served == ["a"]


@in_virtual_time
async def test_a_client_that_leaves_makes_room_for_those_behind(requests: Requests) -> None:
    left = asyncio.Event()
    lease = await requests.granted([PER_MINUTE], tokens=600)
    leaving = await requests.queued("a", [PER_MINUTE], tokens=300, left=left)
    behind = await requests.queued("b", [PER_MINUTE], tokens=100)
    left.set()
    assert isinstance(await leaving, Spent)
    assert isinstance(await behind, Granted)
    assert requests.time() == pytest.approx(10)
    lease.release()


@in_virtual_time
async def test_a_client_that_left_before_gets_nothing(requests: Requests) -> None:
    left = asyncio.Event()
    left.set()
    assert isinstance(await requests.limiter.acquire_any([[ONE]], 0, 5.0, left), Spent)
    await requests.granted([ONE])


@pytest.mark.parametrize("leaves_by", ["its client", "being cancelled"])
def test_who_leaves_at_the_moment_it_is_served_takes_nothing(leaves_by: str) -> None:
    async def scenario(requests: Requests) -> None:
        left = asyncio.Event()
        lease = await requests.granted([ONE, PER_MINUTE])
        leaving = await requests.queued("a", [ONE, PER_MINUTE], left=left)
        behind = await requests.queued("b", [ONE, PER_MINUTE])
        lease.release()
        await asyncio.sleep(0)  # it is served, and does not know yet
        assert requests.limiter.waiting == 1
        if leaves_by == "its client":
            left.set()
        else:
            leaving.cancel()
        await settled()
        assert requests.served == ["b"] and behind.done()

    in_virtual_time(scenario)()


@in_virtual_time
async def test_a_cancelled_request_leaves_the_line(requests: Requests) -> None:
    lease = await requests.granted([ONE])
    cancelled, behind = await requests.queued("a", [ONE]), await requests.queued("b", [ONE])
    cancelled.cancel()
    lease.release()
    await behind
    assert requests.served == ["b"]


def test_the_line_has_an_end() -> None:
    async def scenario(requests: Requests) -> None:
        lease = await requests.granted([ONE])
        tasks = [await requests.queued(name, [ONE]) for name in "ab"]
        assert await requests.spent([TWO], wait=50) == (5.0, "2 requests wait already for what the limits allow")
        result = await requests.ask([TWO], [])
        assert isinstance(result, Granted) and result.index == 1, "what has no limits stands in no line"
        lease.release()
        for task in tasks:
            granted = await task
            assert isinstance(granted, Granted)
            granted.lease.release()

    in_virtual_time(lambda _: scenario(Requests(longest_line=2)))()


@in_virtual_time
async def test_a_lease_is_released_once(requests: Requests) -> None:
    lease = await requests.granted([ONE, PER_MINUTE], tokens=600)
    for _ in range(3):
        lease.release(0)
    lease.undo()
    await requests.granted([ONE, PER_MINUTE], tokens=600)
    assert isinstance(await requests.ask([ONE]), Spent)


@in_virtual_time
async def test_a_lease_that_nobody_counted_keeps_its_estimate(requests: Requests) -> None:
    (await requests.granted([PER_MINUTE], tokens=600)).release()
    retry_after, _ = await requests.spent([PER_MINUTE], tokens=60)
    assert retry_after == 6


@in_virtual_time
async def test_nothing_runs_while_nobody_waits(requests: Requests) -> None:
    (await requests.granted([ONE, PER_MINUTE])).release(5, 1.0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


class Elsewhere(LocalCounters):
    """Counters that are asked over a network, and may be changed by others without a word."""

    async def take(self, scopes: Sequence[Scope], tokens: int) -> list[Lack]:
        await asyncio.sleep(0.01)
        return await super().take(scopes, tokens)


@in_virtual_time
async def test_slots_that_others_free_are_looked_for(requests: Requests) -> None:
    counters = Elsewhere(MemoryStore(), requests.time)
    limiter = RateLimiter(counters, look_again=0.25)
    await counters.take([ONE], 0)
    waiting = asyncio.create_task(limiter.acquire_any([[ONE]], 0, 10, asyncio.Event()))
    await asyncio.sleep(1)
    counters.give_back([ONE], 0, 0, 0.0)
    await asyncio.sleep(0.3)
    assert isinstance(waiting.result(), Granted)


@in_virtual_time
async def test_who_leaves_while_counters_are_asked_takes_nothing(requests: Requests) -> None:
    counters = Elsewhere(MemoryStore(), requests.time)
    limiter = RateLimiter(counters)
    first = await limiter.acquire_any([[ONE]], 0, 0, asyncio.Event())
    waiting = asyncio.create_task(limiter.acquire_any([[ONE]], 0, 10, asyncio.Event()))
    await asyncio.sleep(1)
    assert isinstance(first, Granted)
    first.lease.release()
    await asyncio.sleep(0.005)
    waiting.cancel()
    await asyncio.sleep(1)
    assert isinstance(await limiter.acquire_any([[ONE]], 0, 0, asyncio.Event()), Granted)


@in_virtual_time
async def test_who_has_no_time_is_looked_at_behind_the_others_at_once(requests: Requests) -> None:
    lease = await requests.granted([ONE])
    waiting = await requests.queued("a", [ONE])
    assert isinstance(await requests.ask([ONE]), Spent)
    (await requests.granted([ONE], [TWO])).release()
    lease.release()
    await waiting


@in_virtual_time
async def test_a_refill_is_noticed_also_where_somebody_waits_longer_for_something_else(requests: Requests) -> None:
    lease = await requests.granted([ONE])
    waiting = await requests.queued("slot", [ONE])
    await requests.granted([PER_MINUTE], tokens=600)
    await requests.queued("refill", [PER_MINUTE], tokens=100)
    await asyncio.sleep(10.1)
    assert requests.served == ["refill"]
    lease.release()
    await waiting
