"""What is used of each limit."""

import asyncio
import math
from collections.abc import Iterable

import pytest

from addons.rate_limits import counters as counters_module
from addons.rate_limits.counters import Lack, LocalCounters
from addons.rate_limits.scope import Scope
from addons.routing.rate_limits import RateLimits
from addons.state.store import MemoryStore

DAY = 86_400.0
NOON = 20_000 * DAY + DAY / 2


class Clock:
    now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counters(clock: Clock) -> LocalCounters:
    return LocalCounters(MemoryStore(), clock)


def scope(name: str = "provider acme", **limits: float) -> Scope:
    return Scope(name, RateLimits.model_validate(limits), f"the {name}")


def take(counters: LocalCounters, *scopes: Scope, tokens: int = 0) -> list[Lack]:
    return asyncio.run(counters.take(scopes, tokens))


def texts(lacks: Iterable[Lack]) -> list[tuple[str, float | None]]:
    return [(lack.limit, lack.seconds) for lack in lacks]


def test_each_limit_tells_when_there_will_be_enough(counters: LocalCounters) -> None:
    acme = scope(requests_per_minute=1, tokens_per_minute=1000, concurrent=1, daily_usd=2.5)
    assert take(counters, acme, tokens=400) == []
    counters.give_back([acme], 0, 0, 2.5)
    assert take(counters, acme) == [Lack(acme, "1 requests a minute", 60), Lack(acme, "2.5 USD a day", DAY / 2)]
    assert texts(take(counters, acme, tokens=700)) == [
        ("1 requests a minute", 60),
        ("1,000 tokens a minute", 6),
        ("2.5 USD a day", DAY / 2),
    ]


def test_slots_are_free_when_requests_end(counters: LocalCounters) -> None:
    acme = scope(concurrent=2)
    assert [take(counters, acme), take(counters, acme)] == [[], []]
    assert texts(take(counters, acme)) == [("2 at once", None)]
    counters.give_back([acme], 0, 0, 0.0)
    assert take(counters, acme) == []


def test_all_scopes_or_none(counters: LocalCounters) -> None:
    full, free = scope("provider full", concurrent=1), scope("key free", concurrent=1, requests_per_minute=1)
    take(counters, full)
    assert texts(take(counters, free, full)) == [("1 at once", None)]
    assert take(counters, free) == [], "the refused request took nothing of it"


def test_a_request_that_was_never_made_leaves_nothing(counters: LocalCounters) -> None:
    acme = scope(requests_per_minute=1, tokens_per_minute=10, concurrent=1)
    take(counters, acme, tokens=10)
    counters.give_back([acme], 1, 10, 0.0)
    assert take(counters, acme, tokens=10) == []


def test_tokens_are_settled_by_what_was_really_used(counters: LocalCounters, clock: Clock) -> None:
    acme = scope(tokens_per_minute=600)
    take(counters, acme, tokens=100)
    counters.give_back([acme], 0, 100 - 900, 0.0)
    assert texts(take(counters, acme, tokens=1)) == [("600 tokens a minute", 30.1)]
    clock.now += 30.1
    assert take(counters, acme, tokens=1) == []


def test_the_day_begins_anew_at_midnight_utc(counters: LocalCounters, clock: Clock) -> None:
    acme = scope(daily_usd=1)
    take(counters, acme)
    counters.give_back([acme], 0, 0, 1.25)
    clock.now += DAY / 2 - 1
    assert texts(take(counters, acme)) == [("1 USD a day", 1)]
    clock.now += 1
    assert take(counters, acme) == []


def test_what_was_spent_today_is_known_after_a_restart(clock: Clock) -> None:
    store, acme, other = MemoryStore(), scope(daily_usd=2), scope("provider other", daily_usd=2)
    counters = LocalCounters(store, clock)
    for usd in (0.75, 0.5):
        take(counters, acme)
        counters.give_back([acme], 0, 0, usd)
    assert store.load("daily_usd") == {"provider acme": {"day": 20_000, "usd": 1.25}}
    again = LocalCounters(store, clock)
    again.restore()
    take(again, acme, other)
    again.give_back([acme, other], 0, 0, 0.75)
    assert texts(take(again, acme)) == [("2 USD a day", DAY / 2)]
    assert take(again, other) == []


def test_rows_of_earlier_days_and_foreign_ones_are_forgotten(clock: Clock) -> None:
    today = {"day": 20_000, "usd": 3}
    store = MemoryStore()
    wild = [{"day": 20_000, "usd": usd} for usd in (-1e9, math.nan, math.inf, 1e308, 10**400, "3")]
    rows = {"old": {"day": 19_999, "usd": 3}, "broken": {"day": "x"}, "empty": {}, "today": today}
    for name, row in {**rows, **{str(number): row for number, row in enumerate(wild)}}.items():
        store.put("daily_usd", name, row)
    LocalCounters(store, clock).restore()
    assert store.load("daily_usd") == {"today": today}


def test_scopes_without_a_daily_limit_are_not_stored(clock: Clock) -> None:
    store, acme = MemoryStore(), scope(concurrent=1)
    counters = LocalCounters(store, clock)
    take(counters, acme)
    counters.give_back([acme], 0, 0, 1.0)
    assert store.load("daily_usd") == {}


def test_a_limit_may_come_and_go_while_requests_run(counters: LocalCounters) -> None:
    before, after = scope(concurrent=2), scope(concurrent=1, requests_per_minute=60, tokens_per_minute=60)
    assert take(counters, before) == []
    assert texts(take(counters, after)) == [("1 at once", None)]
    counters.give_back([before], 0, 5, 0.0)
    assert take(counters, after, tokens=60) == []
    counters.give_back([after], 0, 0, 0.0)
    assert take(counters, before) == []


def test_scopes_that_nobody_uses_are_forgotten(counters: LocalCounters, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters_module, "_MOST_SCOPES", 3)
    busy = scope("busy", concurrent=1)
    take(counters, busy)
    for number in range(10):
        idle = scope(f"idle {number}", concurrent=1)
        assert take(counters, idle) == []
        counters.give_back([idle], 0, 0, 0.0)
    assert len(counters._used) <= 3
    assert texts(take(counters, busy)) == [("1 at once", None)]
