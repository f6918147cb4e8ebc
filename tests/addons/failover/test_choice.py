"""In which order providers and keys are tried first."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.failover.choice import Chooser
from addons.failover.ways import ways
from addons.health.health import Health
from addons.routing.account import Account
from addons.routing.endpoint import ProviderEndpoint
from addons.routing.price import Price
from addons.routing.router import Route
from tests.addons.exchange_simulation import Clock, endpoint

A, B, C = endpoint("a"), endpoint("b"), endpoint("c")


def route(**fields: object) -> Route:
    return Route.model_validate({"models": ["*"], "providers": ["a", "b", "c"], **fields})


class Choosing:
    def __init__(self, *endpoints: ProviderEndpoint, seed: int = 0) -> None:
        self.health = Health(clock=Clock())
        self.chooser = Chooser(self.health, Random(seed))
        self.endpoints = endpoints or (A, B, C)

    def order(self, route: Route | None = None, tokens: int = 0, turn: Account | None = None) -> list[str]:
        found = self.chooser.ordered(ways(self.endpoints), route, tokens, turn)
        return [way.key or way.provider for way in found]

    def answered(self, name: str, first_byte: float) -> None:
        self.health.end(self.health.begin(Account(name)), first_byte_seconds=first_byte)


def test_by_default_the_route_says_the_order() -> None:
    assert Choosing().order() == Choosing().order(route()) == ["a", "b", "c"]


def test_of_a_providers_keys_the_least_used_comes_first() -> None:
    choosing = Choosing(endpoint("a", "k1", "k2", "k3"), B)
    accounts = [way.account for way in ways(choosing.endpoints)]
    busy = choosing.health.begin(accounts[0])
    assert choosing.order() == ["k2", "k3", "k1", "b"]
    choosing.health.end(busy)
    choosing.health.end(choosing.health.begin(accounts[1]))
    choosing.health.end(choosing.health.begin(accounts[1]))
    assert choosing.order() == ["k3", "k1", "k2", "b"]


def test_a_turn_stays_where_it_was() -> None:
    choosing = Choosing(endpoint("a", "k1", "k2"), B)
    second_key = ways(choosing.endpoints)[1].account
    assert choosing.order(turn=second_key) == ["k2", "k1", "b"]
    assert choosing.order(turn=Account("b")) == ["b", "k1", "k2"]
    assert choosing.order(turn=Account("nobody", "x")) == ["k1", "k2", "b"]


# --- fastest ---

FASTEST = route(policy="fastest")


def test_who_was_never_measured_is_tried_once() -> None:
    choosing = Choosing()
    assert [choosing.order(FASTEST)[0] for _ in range(3)] == ["a", "b", "c"]


def test_the_fastest_comes_first() -> None:
    choosing = Choosing(seed=1)
    for name, first_byte in (("a", 2.0), ("b", 0.3), ("c", 0.9)):
        choosing.answered(name, first_byte)
    first = Counter(choosing.order(FASTEST)[0] for _ in range(1000))
    assert first.most_common(1)[0][0] == "b"
    assert 950 <= first["b"] < 1000, "now and then another one is measured"
    assert {"a", "c"} < set(first)
    assert choosing.order(FASTEST) == ["b", "c", "a"]


def test_who_does_not_answer_is_behind_those_who_do() -> None:
    choosing = Choosing()
    choosing.answered("c", 5.0)
    for _ in range(2):
        choosing.order(FASTEST)
    assert choosing.order(FASTEST) == ["c", "a", "b"]


# --- cheapest ---


def priced(name: str, input_usd: float, output_usd: float) -> ProviderEndpoint:
    return endpoint(name, price=Price(input=input_usd, output=output_usd))


def test_the_price_of_this_request_counts() -> None:
    choosing = Choosing(A, priced("b", 1.0, 30.0), priced("c", 4.0, 4.0))
    cheapest = route(policy="cheapest")
    assert choosing.order(cheapest, tokens=1000) == ["c", "b", "a"]
    assert choosing.order(cheapest, tokens=100_000) == ["b", "c", "a"]


def test_where_no_price_is_known_the_route_says_the_order() -> None:
    assert Choosing().order(route(policy="cheapest"), tokens=1000) == ["a", "b", "c"]


# --- weighted ---


def test_requests_are_shared_by_weight() -> None:
    choosing = Choosing()
    weighted = route(policy="weighted", weights={"a": 3.0, "c": 0.0})
    orders = [choosing.order(weighted) for _ in range(2000)]
    first = Counter(order[0] for order in orders)
    assert first["a"] / 2000 == pytest.approx(0.75, abs=0.05)
    assert {order[-1] for order in orders} == {"c"}


# --- all ---


@given(
    st.lists(st.sampled_from("abcdef"), unique=True, min_size=1),
    st.sampled_from(["in-order", "fastest", "cheapest", "weighted"]),
    st.integers(),
    st.sampled_from("abcdefg").map(Account),
)
def test_everyone_is_there_once_whatever_the_policy(names: list[str], policy: str, seed: int, turn: Account) -> None:
    choosing = Choosing(*map(endpoint, names), seed=seed)
    order = choosing.order(route(providers=names, policy=policy), 100, turn)
    assert sorted(order) == sorted(names)
    assert turn.provider not in names or order[0] == turn.provider
