"""The record of an exchange shows nothing that is secret, and says what came of it."""

from mitmproxy.test import tflow, tutils

from addons.exchange.exchange import Attempt, Exchange
from converters.conversion import ClientRequest
from converters.errors import Fault
from converters.losses import Losses
from tests.addons.layer_harness import UppercaseConverter


def test_nothing_that_shows_an_attempt_shows_credentials() -> None:
    attempt = Attempt(tflow.tflow(), UppercaseConverter(), {"authorization": "Bearer sk-1"})
    assert "sk-1" not in repr(Exchange(tflow.tflow(), attempt=attempt, attempts=[attempt]))


def test_two_exchanges_of_one_flow_are_two() -> None:
    flow = tflow.tflow()
    assert Exchange(flow) != Exchange(flow)
    assert len({Exchange(flow), Exchange(flow)}) == 2


def test_before_any_attempt_most_is_empty() -> None:
    exchange = Exchange(tflow.tflow())
    assert (exchange.model, exchange.provider_name, exchange.status, exchange.usage) == ("", "", None, None)
    assert exchange.last_attempt is None and not exchange.losses


def test_the_last_attempt_speaks_for_the_exchange() -> None:
    first, last = (
        Attempt(tflow.tflow(resp=tutils.tresp()), UppercaseConverter(), provider_name=name) for name in ("a", "b")
    )
    last.conversion.losses = losses = Losses()
    losses.note("tools[0]", "web_search", "nobody has it")
    exchange = Exchange(tflow.tflow(), request=ClientRequest({"model": "m-1"}), attempts=[first, last])
    assert (exchange.model, exchange.provider_name, last.status, exchange.losses.total) == ("m-1", "b", 200, 1)
    assert exchange.last_attempt is last


def test_a_model_that_is_no_text_is_none() -> None:
    assert Exchange(tflow.tflow(), request=ClientRequest({"model": ["m"]})).model == ""


def test_the_client_reads_the_attempt_whose_fault_is_the_exchanges() -> None:
    attempts = [Attempt(tflow.tflow(), UppercaseConverter(), fault=Fault("server", "no")) for _ in range(2)]
    answered = Attempt(tflow.tflow(), UppercaseConverter())
    assert Exchange(tflow.tflow(), attempts=[*attempts, answered]).read_attempt is answered
    for failed in attempts:
        assert Exchange(tflow.tflow(), attempts=attempts, fault=failed.fault).read_attempt is failed
    assert Exchange(tflow.tflow(), attempts=attempts, fault=Fault("rate_limited", "spent")).read_attempt is None


def test_a_client_that_waits_within_a_response_hears_something_before_half_a_minute() -> None:
    """Proxies on the way, and Codex itself, give up a connection on which nothing comes."""
    assert 0 < Exchange(tflow.tflow()).quiet < 30
