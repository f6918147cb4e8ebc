"""The policy's options, and what an exchange begins with."""

from collections.abc import Iterator

import pytest
from mitmproxy import exceptions
from mitmproxy.test import taddons, tflow

from addons.exchange.exchange import Exchange, Plan
from addons.failover import turn_state
from addons.failover.policy import Failover
from addons.routing.endpoint import ProviderEndpoint
from addons.routing.router import Retry, Route
from converters.errors import Fault
from tests.addons.exchange_simulation import Simulation, World, endpoint

A, B = endpoint("a"), endpoint("b")


@pytest.fixture
def context() -> Iterator[taddons.context]:
    with taddons.context() as context:
        yield context


class Beginning:
    def __init__(self, context: taddons.context) -> None:
        self.policy = Failover(World().collaborators)
        self.options = context.options
        context.master.addons.add(self.policy)

    async def first(self, *endpoints: ProviderEndpoint, turn: str = "", route: Route | None = None) -> Plan:
        exchange = Exchange(tflow.tflow(), endpoints=endpoints, route=route)
        if turn:
            exchange.flow.request.headers["x-codex-turn-state"] = turn
        plan = await self.policy.begin(exchange).next_plan()
        assert plan is not None
        return plan

    async def attempts(self, route: Route | None = None) -> int:
        """How often it tries what always fails in passing."""
        simulation = Simulation([A, B], route=route)
        simulation.retries = self.policy.begin(simulation.exchange)
        await simulation.run(lambda plan: Fault("timeout", "slow"))
        return len(simulation.plans)


@pytest.fixture
def beginning(context: taddons.context) -> Beginning:
    return Beginning(context)


def name(plan: Plan) -> str:
    return plan.endpoint.upstream.provider_name


async def test_the_options_say_how_much_is_tried(beginning: Beginning) -> None:
    assert await beginning.attempts() == 2
    beginning.options.update(retry_attempts=1)
    assert await beginning.attempts() == 1


async def test_a_route_says_it_for_its_models(beginning: Beginning) -> None:
    route = Route(models=("*",), providers=("a", "b"), retry=Retry(attempts=1))
    assert await beginning.attempts(route) == 1


@pytest.mark.parametrize("options", [{"retry_attempts": 0}, {"retry_wait": -1}, {"retry_seconds": 0}])
def test_an_option_that_means_nothing_is_refused(beginning: Beginning, options: dict[str, int]) -> None:
    (option,) = options
    before = getattr(beginning.options, option)
    with pytest.raises(exceptions.OptionsError, match=option):
        beginning.options.update(**options)
    assert getattr(beginning.options, option) == before


async def test_the_first_provider_comes_first_unless_the_turn_was_elsewhere(beginning: Beginning) -> None:
    assert name(await beginning.first(A, B)) == "a"
    there = turn_state.prefix(B.account()) + "its own"
    plan = await beginning.first(A, B, turn=there)
    assert (name(plan), plan.turn_state) == ("b", "its own")


async def test_what_a_client_makes_up_changes_nothing(beginning: Beginning) -> None:
    plan = await beginning.first(A, B, turn="tc1.nonsense")
    assert (name(plan), plan.turn_state) == ("a", "")


async def test_where_there_is_no_choice_an_upstreams_own_header_is_left_alone(beginning: Beginning) -> None:
    plan = await beginning.first(A, turn="its own")
    assert (plan.turn_state, plan.turn_state_prefix) == (None, "")


async def test_where_there_is_no_choice_any_more_nobody_gets_the_state_of_another(beginning: Beginning) -> None:
    """The routes may have changed in the middle of a turn, or its model."""
    for account, expected in ((A.account(), "its own"), (B.account(), "")):
        plan = await beginning.first(A, turn=turn_state.prefix(account) + "its own")
        assert (plan.turn_state, plan.turn_state_prefix) == (expected, "")
