"""Whatever comes of an exchange, each attempt and the exchange have one end each, with what came of it."""

import pytest
from mitmproxy import hooks

from addons.exchange.exchange import Exchange
from addons.exchange.hooks import AttemptEndHook, ExchangeEndHook, NextAttemptHook
from tests.addons.layer_harness import LayerHarness, chunked_response, refusal
from tests.addons.proxy_under_test import ACME, THEIRS, HttpMessage, ProxyUnderTest, request_body


class Listening:
    """An addon of a user's own."""

    def __init__(self) -> None:
        self.attempts: list[tuple[object, ...]] = []
        self.exchanges: list[tuple[object, ...]] = []

    def attempt_end(self, exchange: Exchange) -> None:
        last = exchange.attempts[-1]
        kind = last.fault.kind if last.fault else None
        self.attempts.append((last.provider_name, last.model, last.outcome, kind, last.status))
        assert 0 < last.started <= last.ended
        assert last.first_byte == 0 or last.started <= last.first_byte <= last.ended

    def exchange_end(self, exchange: Exchange) -> None:
        kind = exchange.fault.kind if exchange.fault else None
        self.exchanges.append((exchange.model, exchange.outcome, kind, exchange.status))
        assert exchange.started <= exchange.ended


@pytest.fixture
def listening(proxy_under_test: ProxyUnderTest) -> Listening:
    addon = Listening()
    proxy_under_test.addons.append(addon)
    return addon


def test_mitmproxy_knows_them_by_name() -> None:
    names = ("next_attempt", "attempt_end", "exchange_end")
    assert [hooks.all_hooks[name] for name in names] == [NextAttemptHook, AttemptEndHook, ExchangeEndHook]


def test_a_converted_response_says_all_there_is(proxy_under_test: ProxyUnderTest, listening: Listening) -> None:
    ends: list[Exchange] = []
    listening.exchange_end = ends.append  # type: ignore[method-assign]
    harness = proxy_under_test.post(request_body(tools=[{"type": "web_search"}]))
    harness.upstream_sends(
        chunked_response(WORDS, b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n', DONE)
    )
    assert listening.attempts == [("acme", "m-1", "answered", None, 200)]
    (exchange,) = ends
    assert (exchange.outcome, exchange.status, exchange.provider_name, exchange.losses.total) == (
        *("answered", 200, "acme"),
        1,
    )
    assert exchange.usage and (exchange.usage["input_tokens"], exchange.usage["output_tokens"]) == (3, 4)


WORDS = b'data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
RESPONSES_END = b'data: {"type":"response.completed","response":{"usage":{"input_tokens":5}}}\n\n'
RESPONSES_FAILED = b'data: {"type":"response.failed","response":{"error":{"code":"server_error","message":"no"}}}\n\n'
RESPONSES_DELTA = b'data: {"type":"response.output_text.delta","delta":"x"}\n\n'


@pytest.mark.parametrize(
    ("chunks", "outcome", "kind"),
    [
        ((RESPONSES_END,), "answered", None),
        ((RESPONSES_DELTA, RESPONSES_FAILED), "failed", "server"),
        ((RESPONSES_FAILED,), "failed", "server"),
        ((RESPONSES_DELTA,), "failed", "cut"),
    ],
)
def test_a_relayed_response_says_the_same(
    proxy_under_test: ProxyUnderTest, listening: Listening, chunks: tuple[bytes, ...], outcome: str, kind: str | None
) -> None:
    harness = proxy_under_test.post(request_body("own-1"))
    harness.upstream_sends(chunked_response(*chunks), THEIRS)
    assert listening.attempts == [("theirs", "own-1", outcome, kind, 200)]
    assert [end[1:3] for end in listening.exchanges] == [(outcome, kind)]
    assert harness.flow("client").marked == harness.flow("upstream").marked == (":x:" if kind else "")


def test_a_refusal_is_one_of_the_attempt_and_a_failure_of_the_exchange(
    proxy_under_test: ProxyUnderTest, listening: Listening
) -> None:
    proxy_under_test.post(request_body()).upstream_sends(refusal(429))
    assert listening.attempts == [("acme", "m-1", "refused", "rate_limited", 429)]
    assert listening.exchanges == [("m-1", "failed", "rate_limited", 429)]


def test_what_makes_no_attempt_has_an_end_without_attempts(
    proxy_under_test: ProxyUnderTest, listening: Listening
) -> None:
    proxy_under_test.post(b'{"model": "m-1", "input": 7}')
    proxy_under_test.post(b"no JSON")
    assert listening.attempts == []
    assert listening.exchanges == [("m-1", "refused", "bad_request", 400), ("", "refused", "bad_request", 400)]


def test_a_request_that_is_too_large_has_an_end_as_well(proxy_under_test: ProxyUnderTest, listening: Listening) -> None:
    proxy_under_test.set(request_limit=1)
    harness = LayerHarness(proxy_under_test)
    harness.client_sends(b"POST /v1/responses HTTP/1.1\r\nhost: proxy\r\ncontent-length: 500000000\r\n\r\n")
    assert HttpMessage(harness.to_client).status == 413
    assert listening.exchanges == [("", "refused", "bad_request", 413)]


def test_an_upstream_out_of_reach_has_no_status(proxy_under_test: ProxyUnderTest, listening: Listening) -> None:
    proxy_under_test.post(request_body(), refused=[ACME])
    assert listening.attempts == [("acme", "m-1", "failed", "unreachable", None)]
    assert listening.exchanges == [("m-1", "failed", "unreachable", 502)]


def test_what_passes_through_is_no_exchange(proxy_under_test: ProxyUnderTest, listening: Listening) -> None:
    proxy_under_test.post(request_body("gpt-nobody")).upstream_sends(chunked_response(b"{}"), 80)
    proxy_under_test.get("/v1/files")
    assert (listening.attempts, listening.exchanges) == ([], [])
