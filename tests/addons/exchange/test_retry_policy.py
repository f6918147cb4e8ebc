"""What is tried first, and what after a failure, where there is no failover."""

from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from addons.exchange.exchange import Attempt, Exchange, Plan, RetryState
from addons.exchange.retry_policy import SameEndpoint
from addons.routing.endpoint import ProviderEndpoint
from converters.chat.dialect import ChatDialect
from converters.conversion import Upstream
from converters.errors import Fault, RequestError
from tests.addons.layer_harness import UppercaseConverter

FIRST, SECOND = (
    ProviderEndpoint(Upstream(name, "chat", "m", ChatDialect()), f"https://{name}/v1", "none") for name in "ab"
)
CUT = Fault("cut", "a broke off")


def begun() -> RetryState:
    return SameEndpoint().begin(Exchange(tflow.tflow(), endpoints=[FIRST, SECOND]))


def failed(fault: Fault | None = CUT, *, kept: bool = True, answered: bool = False, planned: bool = True) -> Attempt:
    """An attempt that failed, on a connection that was open before or was opened for it."""
    flow: http.HTTPFlow = tflow.tflow(resp=answered)
    flow.server_conn.timestamp_start = flow.request.timestamp_start - 5 if kept else flow.request.timestamp_start
    return Attempt(flow, UppercaseConverter(), plan=Plan(FIRST) if planned else None, fault=fault)


async def after(*attempts: Attempt) -> Plan | None:
    retries = begun()
    for attempt in attempts:
        retries.attempt_ended(attempt)
    return await retries.next_plan()


async def test_the_first_endpoint_is_tried_first() -> None:
    assert await after() == Plan(FIRST)


async def test_a_kept_connection_that_was_closed_is_no_reason_to_give_up() -> None:
    assert await after(failed()) == Plan(FIRST)


@pytest.mark.parametrize("otherwise", [{"kept": False}, {"answered": True}, {"planned": False}, {"fault": None}])
async def test_any_other_break_ends_the_exchange(otherwise: dict[str, Any]) -> None:
    assert await after(failed(**otherwise)) is None


async def test_so_does_the_second_one() -> None:
    assert await after(failed(), failed()) is None


@pytest.mark.parametrize("fault", [Fault("unreachable", "a is out of reach"), Fault("rate_limited", "slow down", 429)])
async def test_what_no_second_try_mends_ends_the_exchange(fault: Fault) -> None:
    assert await after(failed(fault)) is None


async def test_who_blames_earlier_reasoning_gets_a_request_without() -> None:
    attempt = failed(Fault("bad_request", "no signature", 400), answered=True)
    attempt.conversion.blames_reasoning = True  # type: ignore[misc]
    assert await after(attempt) == Plan(FIRST, reasoning_stripped=True)


async def test_who_does_not_know_the_response_before_gets_a_request_without() -> None:
    attempt = failed(Fault("bad_request", "previous response not found", 400), answered=True)
    attempt.conversion.blames_previous_response = True  # type: ignore[misc]
    assert await after(attempt) == Plan(FIRST, previous_response_stripped=True)


async def test_what_cannot_be_converted_is_not_tried() -> None:
    retries = begun()
    retries.not_convertible(RequestError("no"))
    assert await retries.next_plan() is None


async def test_nothing_is_planned_for_an_exchange_that_has_ended() -> None:
    retries = begun()
    retries.exchange_ended()
    assert await retries.next_plan() is None
