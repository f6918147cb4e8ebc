"""Questions are answered by whom an addon chooses, whoever that is."""

import gzip
import logging
from collections.abc import Iterator

import pytest
from mitmproxy import exceptions, http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy.layers import http as internals
from mitmproxy.test import taddons

from addons.exchange.addon import Choose, Exchanges
from addons.layer import ExchangeLayer
from addons.routing.endpoint import ProviderEndpoint
from addons.routing.router import Routed
from converters.chat.dialect import ChatDialect
from converters.conversion import ClientRequest, Upstream
from converters.errors import RequestError
from converters.responses.dialect import ResponsesDialect
from tests.addons.layer_harness import LayerHarness, chunk
from tests.addons.proxy_under_test import CODEX, HELLO, TARGET, HttpMessage, raw_request, request_body

THEIRS = ProviderEndpoint(Upstream("theirs", "responses", "model-x", ResponsesDialect()), "http://acme:1/v1", "none")
ACME = ProviderEndpoint(Upstream("acme", "chat", "model-x", ChatDialect()), "http://acme:1/v1", "none")


class RequestSender:
    def __init__(self, context: taddons.context) -> None:
        self.context = context

    def __call__(self, choose: Choose, headers: dict[str, str] = CODEX, **options: int) -> LayerHarness:
        """A harness whose client has sent a request, with a chooser of the test."""
        exchanges = Exchanges(choose)
        self.context.master.addons.add(Proxyserver(), ExchangeLayer(), exchanges)
        self.context.options.update(**options)
        harness = LayerHarness(exchanges)
        harness.client_sends(raw_request("POST", "/v1/responses", request_body(), headers))
        return harness


@pytest.fixture
def send_request() -> Iterator[RequestSender]:
    plain = internals.HttpStream
    with taddons.context() as context:
        yield RequestSender(context)
    internals.HttpStream = plain  # type: ignore[misc]


def test_the_chosen_upstream_gets_the_request_and_its_response_converted(send_request: RequestSender) -> None:
    harness = send_request(lambda request, client_request: Routed([ACME]))
    assert HttpMessage(harness.to_upstream[1]).json["model"] == "model-x"
    harness.upstream_sends(HELLO)
    assert b'"text":"Hello"' in harness.to_client


def test_without_a_choice_the_request_passes_as_it_is(send_request: RequestSender) -> None:
    harness = send_request(lambda request, client_request: Routed([]))
    assert HttpMessage(harness.to_upstream[TARGET]).body == request_body()


def test_a_chooser_without_endpoint_says_why_and_the_client_reads_it(send_request: RequestSender) -> None:
    def refuse(request: http.Request, client_request: ClientRequest) -> Routed:
        raise RequestError(f"nobody for {client_request.model}")

    response = HttpMessage(send_request(refuse).to_client)
    assert (response.status, response.error["message"]) == (400, "nobody for m-1")


# --- limits ---

STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
HELLO_SO_FAR = b'data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'
PROTOCOLS = pytest.mark.parametrize("endpoint", [ACME, THEIRS], ids=["chat", "responses"])


def pour(harness: LayerHarness, piece: bytes, count: int) -> int:
    """Sends the piece so often, or until the upstream is closed; how often."""
    for number in range(count):
        if "close 1" in harness.log:
            return number
        harness.upstream_sends(chunk(piece))
    return count


@PROTOCOLS
def test_an_event_without_end_is_cut_off(send_request: RequestSender, endpoint: ProviderEndpoint) -> None:
    harness = send_request(lambda request, client_request: Routed([endpoint]), event_limit=1)
    harness.upstream_sends(STREAM + chunk(b"data: "))
    assert pour(harness, b"x" * 65536, 40) <= 18
    response = HttpMessage(harness.to_client)
    assert response.status == 200 and b'"code":"invalid_prompt"' in response.body
    assert b"more than 1 MiB (option event_limit)" in response.body
    assert harness.streams == []


def test_json_without_end_is_cut_off(send_request: RequestSender) -> None:
    harness = send_request(lambda request, client_request: Routed([ACME]), event_limit=1)
    harness.upstream_sends(STREAM + chunk(b'{"x": "'))
    assert pour(harness, b"x" * 65536, 40) <= 18
    assert b"an answer that is no stream of more than 1 MiB" in harness.to_client


@PROTOCOLS
@pytest.mark.parametrize("begun", [False, True])
def test_a_response_without_end_is_cut_off(
    send_request: RequestSender, endpoint: ProviderEndpoint, begun: bool
) -> None:
    harness = send_request(lambda request, client_request: Routed([endpoint]), answer_limit=1)
    harness.upstream_sends(STREAM + (chunk(HELLO_SO_FAR) if begun else b""))
    words = HELLO_SO_FAR if begun else b": ping\n\n"
    assert pour(harness, words * (65536 // len(words)), 40) <= 18
    assert b"more than 1 MiB (options answer_limit and body_size_limit)" in harness.to_client
    assert b'"code":"invalid_prompt"' in harness.to_client
    assert len(harness.flow("upstream").response.raw_content or b"") < (1 << 20) + 70_000  # type: ignore[union-attr]
    assert harness.streams == []


def test_a_response_that_was_packed_is_measured_as_it_is_read(send_request: RequestSender) -> None:
    harness = send_request(lambda request, client_request: Routed([ACME]), answer_limit=1)
    packed = gzip.compress(b": ping\n\n" * 1_000_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
    harness.upstream_sends(head + packed)
    assert b"more than 1 MiB (options answer_limit and body_size_limit)" in harness.to_client


def test_a_request_is_read_to_its_limit(send_request: RequestSender) -> None:
    harness = send_request(lambda request, client_request: Routed([ACME]), request_limit=1)
    harness.upstream_sends(HELLO)
    before = harness.to_client
    harness.client_sends(b"POST /v1/responses HTTP/1.1\r\nhost: proxy\r\ncontent-length: 500000000\r\n\r\n")
    assert harness.to_client.removeprefix(before).startswith(b"HTTP/1.1 413")
    assert b"larger than 1 MiB (options request_limit" in harness.to_client


PROMPT = "what nobody else may read"


@pytest.mark.parametrize("error", [TypeError, KeyError, RecursionError, MemoryError, ValueError, RuntimeError])
@pytest.mark.parametrize(
    ("headers", "status", "code"), [(CODEX, 400, "invalid_prompt"), ({}, 500, "invalid_request_error")]
)
def test_whatever_fails_the_request_goes_nowhere_and_nobody_reads_it(
    send_request: RequestSender,
    error: type[Exception],
    headers: dict[str, str],
    status: int,
    code: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(request: http.Request, client_request: ClientRequest) -> Routed:
        raise error(PROMPT)

    with caplog.at_level(logging.DEBUG):
        harness = send_request(fail, headers)
    response = HttpMessage(harness.to_client)
    assert harness.to_upstream == {}
    assert (response.status, response.error["code"]) == (status, code)
    assert f"{error.__name__} in test_addon.py:" in response.error["message"]
    assert PROMPT not in harness.to_client.decode()
    assert PROMPT not in caplog.text
    assert error.__name__ in caplog.text


def test_a_version_that_is_no_number_changes_nothing(send_request: RequestSender) -> None:
    agent = {"user-agent": f"codex_exec/{'9' * 5000}.1.2", "originator": "codex_exec"}
    assert list(send_request(lambda request, client_request: Routed([ACME]), agent).to_upstream) == [1]


@pytest.mark.parametrize("options", [{"request_limit": 0}, {"request_limit": -1}, {"pass_through": "maybe"}])
def test_an_option_that_means_nothing_is_refused_and_the_old_one_stays(
    send_request: RequestSender, options: dict[str, object]
) -> None:
    send_request(lambda request, client_request: Routed([ACME]))
    for name, value in options.items():
        before = getattr(send_request.context.options, name)
        with pytest.raises(exceptions.OptionsError, match=name):
            send_request.context.options.update(**{name: value})
        assert getattr(send_request.context.options, name) == before
