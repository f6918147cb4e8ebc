"""What is tried first, and what after a failure."""

from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from addons.exchange.exchange import Attempt, Exchange, Plan
from addons.exchange.retry_policy import SameEndpoint
from addons.routing.endpoint import ProviderEndpoint
from converters.chat.dialect import ChatDialect
from converters.conversion import Upstream
from converters.errors import Fault
from tests.addons.layer_harness import UppercaseConverter

FIRST, SECOND = (
    ProviderEndpoint(Upstream(name, "chat", "m", ChatDialect()), f"https://{name}/v1", "none") for name in "ab"
)
CUT = Fault("cut", "a broke off")


def tried(*, kept: bool = True, answered: bool = False, attempts: int = 1) -> Exchange:
    """An exchange whose attempts failed on a connection that was open before, or was opened for them."""
    exchange = Exchange(tflow.tflow(), endpoints=[FIRST, SECOND])
    for _ in range(attempts):
        flow: http.HTTPFlow = tflow.tflow(resp=answered)
        flow.server_conn.timestamp_start = flow.request.timestamp_start - 5 if kept else flow.request.timestamp_start
        exchange.attempts.append(Attempt(flow, UppercaseConverter(), plan=Plan(FIRST)))
    return exchange


def after(exchange: Exchange, fault: Fault = CUT) -> Plan | None:
    return SameEndpoint().after(exchange, exchange.attempts[-1], fault)


def test_the_first_endpoint_is_tried_first() -> None:
    assert SameEndpoint().first(tried()) == Plan(FIRST)


def test_a_kept_connection_that_was_closed_is_no_reason_to_give_up() -> None:
    assert after(tried()) == Plan(FIRST)


@pytest.mark.parametrize("otherwise", [{"kept": False}, {"answered": True}, {"attempts": 2}])
def test_any_other_break_ends_the_exchange(otherwise: dict[str, Any]) -> None:
    assert after(tried(**otherwise)) is None


@pytest.mark.parametrize("fault", [Fault("unreachable", "a is out of reach"), Fault("rate_limited", "slow down", 429)])
def test_what_no_second_try_mends_ends_the_exchange(fault: Fault) -> None:
    assert after(tried(), fault) is None


def test_who_blames_earlier_reasoning_gets_a_request_without() -> None:
    exchange = tried(answered=True)
    exchange.attempts[0].conversion.blames_reasoning = True  # type: ignore[misc]
    assert after(exchange, Fault("bad_request", "no signature", 400)) == Plan(FIRST, reasoning_stripped=True)


def test_what_nobody_planned_is_not_tried_again() -> None:
    exchange = tried()
    exchange.attempts[0].plan = None
    assert after(exchange) is None
