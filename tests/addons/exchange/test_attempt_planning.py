"""What the policy plans becomes an attempt, or is passed over where the request cannot be sent there."""

from collections import deque
from collections.abc import Iterator

import pytest
from mitmproxy import http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.test import taddons, tflow

from addons.exchange.addon import Exchanges
from addons.exchange.attempt_planning import plan_attempt
from addons.exchange.exchange import Attempt, Exchange, Plan
from addons.routing.endpoint import ProviderEndpoint
from addons.routing.router import Routed
from converters.chat.dialect import ChatDialect
from converters.conversion import ClientRequest, Upstream
from converters.errors import RequestError
from converters.responses.dialect import ResponsesDialect

CHAT = ProviderEndpoint(Upstream("chatty", "chat", "m", ChatDialect()), "https://chatty/v1", "none")
RESPONSES = ProviderEndpoint(Upstream("own", "responses", "m", ResponsesDialect()), "https://own/v1", "none")
STORED = {"model": "m", "input": "hi", "previous_response_id": "resp_1"}
"""A request that only a provider with a memory can be sent."""


class Planned:
    """Plans these endpoints, one after the other."""

    def __init__(self, *endpoints: ProviderEndpoint) -> None:
        self.endpoints = deque(endpoints)
        self.errors: list[str] = []

    async def next_plan(self) -> Plan | None:
        return Plan(self.endpoints.popleft()) if self.endpoints else None

    def not_convertible(self, error: RequestError) -> None:
        self.errors.append(str(error.param))

    def attempt_ended(self, attempt: Attempt) -> None:
        raise NotImplementedError

    def exchange_ended(self) -> None:
        raise NotImplementedError


@pytest.fixture(autouse=True)
def context() -> Iterator[None]:
    with taddons.context() as context:
        context.master.addons.add(Proxyserver(), Exchanges(lambda request, client_request: Routed([])))
        yield


def exchange_for(body: dict[str, object]) -> Exchange:
    flow = tflow.tflow()
    flow.request = http.Request.make("POST", "http://proxy/v1/responses")
    return Exchange(flow, request=ClientRequest(body))


async def test_the_next_provider_is_sent_what_the_first_cannot_be() -> None:
    exchange, planned = exchange_for(STORED), Planned(CHAT, RESPONSES)
    await plan_attempt(exchange, planned)
    assert exchange.attempt is not None and exchange.attempt.provider_name == "own"
    assert planned.errors == ["previous_response_id"]


async def test_where_nobody_can_be_sent_it_the_client_reads_why() -> None:
    with pytest.raises(RequestError) as refused:
        await plan_attempt(exchange_for(STORED), Planned(CHAT, CHAT))
    assert refused.value.param == "previous_response_id"


async def test_where_somebody_was_their_failure_is_told() -> None:
    exchange = exchange_for(STORED)
    await plan_attempt(exchange, Planned(RESPONSES))
    assert exchange.attempt is not None
    exchange.attempts.append(exchange.attempt)
    exchange.attempt = None
    await plan_attempt(exchange, Planned(CHAT))
    assert exchange.attempt is None


async def test_each_attempt_has_losses_of_its_own() -> None:
    body = {"model": "m", "input": "hi", "tools": [{"type": "image_generation"}]}
    exchange = exchange_for(body)
    await plan_attempt(exchange, Planned(CHAT))
    assert exchange.attempt is not None and len(exchange.attempt.losses) == 1
    await plan_attempt(exchange, Planned(RESPONSES))
    assert exchange.attempt is not None and exchange.attempt.losses == []
