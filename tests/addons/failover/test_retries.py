"""The course of one exchange: what is tried, what others are told of it, and what its client reads."""

import asyncio
import logging
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http

from addons.failover.budget import Budget
from addons.failover.causes import CONSEQUENCES
from addons.failover.turn_state import TurnState
from addons.rate_limits.limiter import Granted
from addons.rate_limits.scope import scopes
from addons.routing.account import Account
from addons.routing.price import Price
from addons.routing.rate_limits import RateLimits
from addons.routing.router import Route
from converters.errors import Fault, Kind, RequestError
from tests.addons.exchange_simulation import Script, Simulation, World, endpoint

A, B = endpoint("a"), endpoint("b")
LIMITED = endpoint("a", limits=RateLimits(requests_per_minute=1, concurrent=1))


def in_turn(*faults: Fault | None) -> Script:
    course = iter(faults)
    return lambda plan: next(course)


def always(kind: Kind, **fields: Any) -> Script:
    return lambda plan: Fault(kind, f"{plan.endpoint.upstream.provider_name} said no", **fields)


# --- what is tried ---


async def test_what_is_answered_is_tried_once() -> None:
    simulation = Simulation([A, B])
    attempt = await simulation.run(in_turn(None))
    assert attempt is not None and attempt.next_step == ""
    assert simulation.tried == "a"
    assert simulation.exchange.reported is None


async def test_another_provider_answers() -> None:
    simulation = Simulation([A, B])
    attempt = await simulation.run(in_turn(Fault("timeout", "slow"), None))
    assert attempt is not None and attempt.fault is None
    assert simulation.tried == "a b"
    assert [plan.reason for plan in simulation.plans] == ["", "next provider b"]
    assert simulation.exchange.attempts[0].next_step == "next provider b"


async def test_another_key_answers() -> None:
    simulation = Simulation([endpoint("a", "k1", "k2"), B])
    await simulation.run(in_turn(Fault("rate_limited", "slow down", 429, 30), None))
    assert [plan.key for plan in simulation.plans] == ["k1", "k2"]
    assert simulation.plans[1].reason == "next key"


async def test_a_repeat_waits_and_says_how_long() -> None:
    simulation = Simulation([A])
    await simulation.run(in_turn(Fault("server", "oops", 500), None))
    assert simulation.tried == "a a"
    assert simulation.began[1] == pytest.approx(0.1 + simulation.plans[1].wait)
    assert simulation.exchange.attempts[0].next_step == f"next try in {simulation.plans[1].wait:.1f} s"


async def test_what_a_provider_asks_for_is_waited_for_where_it_fits() -> None:
    simulation = Simulation([A])
    await simulation.run(in_turn(Fault("rate_limited", "slow down", 429, 15), None))
    assert simulation.plans[1].wait == pytest.approx(15)


async def test_a_wait_that_does_not_fit_is_left_to_the_client() -> None:
    simulation = Simulation([A])
    attempt = await simulation.run(always("rate_limited", status=429, retry_after=60))
    assert simulation.tried == "a"
    assert attempt is not None and attempt.fault is not None and attempt.fault.retry_after == 60
    assert attempt.next_step == "no more, since that has to wait 60 s"


@pytest.mark.parametrize(
    ("budget", "tried"), [(Budget(attempts=1), "a"), (Budget(attempts=2), "a a"), (Budget(), "a a a b b b")]
)
async def test_there_are_no_more_attempts_than_allowed(budget: Budget, tried: str) -> None:
    simulation = Simulation([A, B, endpoint("c")], budget=budget)
    attempt = await simulation.run(always("cut"))
    assert simulation.tried == tried
    assert attempt is simulation.exchange.attempts[-1]


async def test_no_attempt_begins_when_the_time_is_over() -> None:
    simulation = Simulation([A, B, endpoint("c")], budget=Budget(seconds=60), attempt_seconds=40)
    await simulation.run(always("timeout"))
    assert simulation.tried == "a b"


async def test_without_patience_nothing_is_waited_for() -> None:
    simulation = Simulation([A, B], budget=Budget(wait=0))
    await simulation.run(always("server"))
    assert simulation.tried == "a b"
    assert [plan.wait for plan in simulation.plans] == [0, 0]


async def test_whom_a_user_stops_is_not_followed_by_another() -> None:
    simulation = Simulation([A, B])
    plan = await simulation.retries.next_plan()
    assert plan is not None
    attempt = simulation.attempted(plan, Fault("bad_request", "was stopped"), "killed")
    assert attempt.next_step == "" and await simulation.retries.next_plan() is None


async def test_a_client_that_has_its_response_gets_no_other() -> None:
    simulation = Simulation([A, B])
    plan = await simulation.retries.next_plan()
    assert plan is not None
    simulation.exchange.flow.response = http.Response.make(200)
    simulation.attempted(plan, Fault("cut", "broke off"))
    assert await simulation.retries.next_plan() is None


async def test_a_client_that_left_is_tried_for_no_more() -> None:
    simulation = Simulation([A, B])
    plan = await simulation.retries.next_plan()
    assert plan is not None
    simulation.attempted(plan, Fault("server", "oops", 500))
    simulation.exchange.client_left.set()
    assert await simulation.retries.next_plan() is None


# --- what cannot be converted ---


async def test_a_provider_that_cannot_be_sent_it_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    simulation = Simulation([A, endpoint("b", "k1", "k2"), endpoint("c")])
    plan = await simulation.retries.next_plan()
    assert plan is not None
    simulation.attempted(plan, Fault("timeout", "slow"))
    assert await simulation.retries.next_plan() is not None
    with caplog.at_level(logging.INFO):
        simulation.retries.not_convertible(RequestError("a secret cannot be said", param="input[3]"))
    after = await simulation.retries.next_plan()
    assert after is not None and after.endpoint.upstream.provider_name == "c"
    assert "b cannot be sent this (input[3]), next provider c" in caplog.text
    assert "secret" not in caplog.text
    assert simulation.world.health.in_flight(Account("b", after.endpoint.account("k1").key)) == 0


async def test_where_that_was_the_last_one_the_earlier_failure_is_told() -> None:
    simulation = Simulation([A, B])
    plan = await simulation.retries.next_plan()
    assert plan is not None
    first = simulation.attempted(plan, Fault("timeout", "slow"))
    await simulation.retries.next_plan()
    simulation.retries.not_convertible(RequestError("no"))
    assert await simulation.retries.next_plan() is None
    assert simulation.exchange.reported is first
    assert simulation.exchange.fault is first.fault


# --- what others are told ---


async def test_health_learns_what_came_of_each_attempt() -> None:
    simulation = Simulation([A, B])
    await simulation.run(in_turn(Fault("timeout", "slow"), None))
    health = simulation.world.health
    assert not health.is_available(Account("a")) and health.is_available(Account("b"))
    assert health.first_byte(Account("b")) == pytest.approx(0.1)


@pytest.mark.parametrize("outcome", ["killed", "client_left"])
async def test_what_people_do_says_nothing_of_a_provider(outcome: Any) -> None:
    simulation = Simulation([A])
    plan = await simulation.retries.next_plan()
    assert plan is not None
    simulation.attempted(plan, Fault("cut", "ended"), outcome)
    assert simulation.world.health.is_available(Account("a"))
    assert simulation.world.health.in_flight(Account("a")) == 0


@pytest.mark.parametrize("kind", ["auth", "quota", "rate_limited"])
async def test_a_clients_own_credentials_say_nothing_of_others(kind: Kind) -> None:
    simulation = Simulation([replace(A, auth="client")])
    await simulation.run(always(kind, status=429))
    assert simulation.world.health.is_available(Account("a"))


async def test_a_limit_counts_what_was_used() -> None:
    world = World()
    priced = endpoint("a", limits=RateLimits(daily_usd=1.0), price=Price(input=1e6, output=1e6))
    simulation = Simulation([priced], world)
    plan = await simulation.retries.next_plan()
    assert plan is not None
    simulation.attempted(plan, None, usage={"input_tokens": 1, "output_tokens": 1})
    simulation.retries.exchange_ended()
    assert await Simulation([priced], world).retries.next_plan() is None


# --- limits ---


async def test_where_the_limits_allow_nothing_the_client_is_told_when_to_come_back() -> None:
    world = World()
    await Simulation([LIMITED], world).run(in_turn(None))
    simulation = Simulation([LIMITED], world)
    assert await simulation.run(in_turn()) is None
    response = simulation.exchange.flow.response
    assert response is not None and response.status_code == 429
    assert response.headers["retry-after"] == "60"
    assert b"1 requests a minute for the provider a" in response.content
    assert simulation.exchange.fault is not None and simulation.exchange.fault.kind == "rate_limited"


async def test_another_provider_is_not_limited() -> None:
    world = World()
    await Simulation([LIMITED], world).run(in_turn(None))
    simulation = Simulation([LIMITED, B], world)
    await simulation.run(in_turn(None))
    assert simulation.tried == "b"


async def test_what_cools_is_tried_where_the_limits_of_all_others_are_spent() -> None:
    """Better a way that may fail than none."""
    world = World()
    await Simulation([LIMITED, B], world).run(in_turn(None))
    await Simulation([B], world, budget=Budget(wait=0)).run(always("server"))
    assert not world.health.is_available(Account("b"))
    simulation = Simulation([LIMITED, B], world)
    attempt = await simulation.run(in_turn(None))
    assert simulation.tried == "b" and attempt is not None and attempt.fault is None


async def test_where_the_limits_of_what_cools_are_spent_too_the_first_are_told() -> None:
    world, limited = World(), endpoint("b", limits=RateLimits(requests_per_minute=1))
    await Simulation([LIMITED], world).run(in_turn(None))
    await Simulation([limited], world, budget=Budget(wait=0)).run(always("server"))
    simulation = Simulation([LIMITED, limited], world)
    assert await simulation.run(in_turn()) is None
    response = simulation.exchange.flow.response
    assert response is not None and response.status_code == 429
    assert b"for the provider a" in response.content and b"provider b" not in response.content


async def test_a_client_that_leaves_the_line_gets_no_response() -> None:
    world, single = World(), endpoint("a", limits=RateLimits(concurrent=1))
    await Simulation([single], world).retries.next_plan()
    simulation = Simulation([single], world)
    waiting = asyncio.create_task(simulation.retries.next_plan())
    await asyncio.sleep(0)
    simulation.exchange.client_left.set()
    assert await waiting is None
    assert simulation.exchange.flow.response is None and simulation.exchange.fault is None


async def test_a_client_is_not_sent_to_wait_for_a_whole_day() -> None:
    """Codex would wait without a word."""
    world = World()
    priced = endpoint("a", limits=RateLimits(daily_usd=1.0), price=Price(input=1e6, output=1e6))
    first = Simulation([priced], world)
    plan = await first.retries.next_plan()
    assert plan is not None
    first.attempted(plan, None, usage={"input_tokens": 1, "output_tokens": 1})
    simulation = Simulation([priced], world)
    assert await simulation.retries.next_plan() is None
    fault = simulation.exchange.fault
    assert fault is not None and fault.kind == "quota"
    assert fault.message == "no more is allowed now: 1 USD a day for the provider a (come back in 23 h)"


async def test_a_failure_that_tells_more_than_a_limit_is_told() -> None:
    world = World()
    await Simulation([LIMITED], world).run(in_turn(None))
    simulation = Simulation([B, LIMITED], world)
    attempt = await simulation.run(always("timeout"))
    assert simulation.tried == "b"
    assert simulation.exchange.flow.response is None and attempt is simulation.exchange.attempts[0]


async def test_a_limit_is_told_where_the_failure_can_only_be_mended_by_a_person() -> None:
    world = World()
    await Simulation([LIMITED], world).run(in_turn(None))
    simulation = Simulation([B, LIMITED], world)
    await simulation.run(always("auth", status=401))
    response = simulation.exchange.flow.response
    assert response is not None and response.status_code == 429


async def test_a_route_has_limits_of_its_own() -> None:
    world, limits = World(), RateLimits(requests_per_minute=1)
    route = Route(models=("*",), providers=("a",), limits=limits)
    await Simulation([A], world, route=route).run(in_turn(None))
    simulation = Simulation([A], world, route=route)
    await simulation.run(in_turn())
    assert simulation.exchange.flow.response is not None


async def test_what_was_taken_is_given_back_where_no_attempt_begins() -> None:
    world = World()
    simulation = Simulation([LIMITED], world)
    assert await simulation.retries.next_plan() is not None
    simulation.retries.exchange_ended()
    simulation.retries.exchange_ended()
    assert world.health.in_flight(Account("a")) == 0
    assert await Simulation([LIMITED], world).retries.next_plan() is not None


# --- turns ---


async def test_a_turn_is_told_where_it_is_only_where_there_is_a_choice() -> None:
    for endpoints, expected in (([A], False), ([A, B], True), ([endpoint("a", "k1", "k2")], True)):
        plan = await Simulation(endpoints).retries.next_plan()
        assert plan is not None and bool(plan.turn_state_prefix) is expected
        assert (plan.turn_state is None) is not expected


async def test_an_upstream_gets_back_its_own_state_and_no_other_does() -> None:
    simulation = Simulation([A, B], turn=TurnState(Account("a"), "its own"))
    await simulation.run(in_turn(Fault("timeout", "slow"), None))
    assert [plan.turn_state for plan in simulation.plans] == ["its own", ""]


# --- for people ---


async def test_a_failover_is_one_line_without_a_word_of_the_upstream(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        simulation = Simulation([A, B])
        await simulation.run(
            in_turn(Fault("server", "the user's prompt", 500), Fault("bad_request", "his prompt", 400), None)
        )
    short = simulation.exchange.flow.id[:8]
    wait = simulation.plans[1].wait
    assert [record.getMessage() for record in caplog.records] == [
        f"{short}: a failed (500 server), next try in {wait:.1f} s",
        f"{short}: a failed (400 bad_request), next provider b",
    ]


# --- whatever happens ---


@st.composite
def courses(draw: st.DrawFn) -> list[tuple[Fault | None, bool]]:
    """Faults of attempts, or an answer; and whether the request cannot be converted instead."""
    kinds = st.sampled_from(sorted(CONSEQUENCES))
    fault = st.builds(Fault, kinds, st.just("no"), st.sampled_from([None, 429, 500]), st.none() | st.integers(0, 100))
    return draw(st.lists(st.tuples(st.none() | fault, st.booleans()), min_size=30, max_size=30))


@given(
    courses(),
    st.lists(st.integers(0, 3), min_size=1, max_size=4),
    st.builds(Budget, st.integers(1, 8), st.integers(0, 30), st.integers(1, 200)),
    st.sampled_from([0.1, 10.0]),
)
async def test_an_exchange_keeps_within_its_budget_and_gives_everything_back(
    course: list[tuple[Fault | None, bool]], keys: list[int], budget: Budget, attempt_seconds: float
) -> None:
    limits = RateLimits(concurrent=1)
    endpoints = [endpoint(str(number), *map(str, range(count)), limits=limits) for number, count in enumerate(keys)]
    simulation = Simulation(endpoints, budget=budget, attempt_seconds=attempt_seconds)
    asked: Counter[tuple[str, str | None]] = Counter()
    for number, (fault, is_refused) in enumerate(course):
        plan = await simulation.retries.next_plan()
        assert (plan is not None) or number, "the first is always tried"
        if plan is None:
            break
        assert in_flight(simulation) == 1, "never two at once"
        if is_refused:
            simulation.retries.not_convertible(RequestError("no"))
        else:
            asked[plan.endpoint.upstream.provider_name, plan.key] += 1
            simulation.attempted(plan, fault)
            if fault is None:
                break
        assert in_flight(simulation) == 0
    assert await simulation.retries.next_plan() is None
    simulation.retries.exchange_ended()
    assert in_flight(simulation) == 0
    for each in endpoints:
        granted = await simulation.world.limiter.acquire_any([scopes(each)], 0, 0.0, asyncio.Event())
        assert isinstance(granted, Granted), "what was taken was given back"
    assert len(simulation.plans) <= budget.attempts
    assert all(began <= budget.seconds + 1e-6 for began in simulation.began)
    assert all(plan.wait <= budget.wait + 1e-6 for plan in simulation.plans)


def in_flight(simulation: Simulation) -> int:
    providers = {each.upstream.provider_name for each in simulation.endpoints}
    return sum(simulation.world.health.in_flight(Account(name)) for name in providers)
