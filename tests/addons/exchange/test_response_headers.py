"""What a client acts on passes; all else stays."""

from mitmproxy import http
from mitmproxy.test import tflow

from addons.exchange.exchange import Attempt, Plan
from addons.exchange.response_headers import for_client
from addons.routing.endpoint import ProviderEndpoint
from converters.chat.dialect import ChatDialect
from converters.conversion import Upstream
from converters.errors import Fault
from tests.addons.layer_harness import UppercaseConverter

ENDPOINT = ProviderEndpoint(Upstream("acme", "chat", "m", ChatDialect()), "https://acme/v1", "none")


def attempt(headers: dict[str, str] | None, plan: Plan | None = None, fault: Fault | None = None) -> Attempt:
    flow = tflow.tflow()
    flow.response = None if headers is None else http.Response.make(200, b"", headers)
    return Attempt(flow, UppercaseConverter(), plan=plan, fault=fault)


def test_what_codex_reads_passes_and_nothing_else() -> None:
    passing = {
        "x-codex-turn-state": "t1", "x-codex-primary-used-percent": "7", "x-models-etag": "e", "x-request-id": "r",
        "x-reasoning-included": "1", "openai-processing-ms": "12", "x-ratelimit-remaining-tokens": "5",
    }  # fmt: skip
    staying = {"openai-model": "other", "set-cookie": "a=b", "content-type": "x", "server": "y", "content-length": "3"}
    headers = {name.title(): value for name, value in (passing | staying).items()}
    assert for_client(attempt(headers)) == passing
    assert for_client(attempt(headers, Plan(ENDPOINT))) == passing


def test_where_nobody_answered_there_is_none() -> None:
    assert for_client(attempt(None)) == {}


def test_a_turn_is_told_where_it_was_served() -> None:
    plan = Plan(ENDPOINT, turn_state_prefix="tc1.here.")
    assert for_client(attempt({}, plan)) == {"x-codex-turn-state": "tc1.here."}
    assert for_client(attempt({"X-Codex-Turn-State": "t1"}, plan)) == {"x-codex-turn-state": "tc1.here.t1"}


def test_a_failure_is_no_place_to_stay() -> None:
    failed = attempt({"x-codex-turn-state": "t1"}, Plan(ENDPOINT, turn_state_prefix="tc1.here."), Fault("server", "no"))
    assert for_client(failed) == {}
