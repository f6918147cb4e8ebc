"""Until there is content to tell the client has read nothing, so whatever fails may be had elsewhere; then never."""

import json
import time

import pytest

from addons.exchange.addon import Exchanges
from addons.exchange.flow_metadata import OUTCOME
from tests.addons.layer_harness import OK, LayerHarness, body, chunk, chunked_response
from tests.addons.once_more import OnceMore
from tests.addons.proxy_under_test import ACME, CODEX, ROUTES, THEIRS, HttpMessage, ProxyUnderTest, request_body

ANTHROPIC = 5
TWO = (
    ROUTES
    + f"""
[[routes]]
models = ["claude"]
providers = ["third"]

[providers.third]
protocol = "anthropic"
base_url = "http://third:{ANTHROPIC}"
auth = "none"
"""
)
MODELS = {ACME: "m-1", THEIRS: "own-1", ANTHROPIC: "claude"}


def record(**event: object) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


MESSAGE_START = record(type="message_start", message={"id": "msg_1", "model": "m", "usage": {"input_tokens": 3}})
ROLE = b'data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
CREATED = record(type="response.created", response={"id": "resp_1"})
NOTHING_YET = {ACME: ROLE, ANTHROPIC: MESSAGE_START, THEIRS: CREATED}

SERVED = {
    ACME: b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    ANTHROPIC: record(type="content_block_start", index=0, content_block={"type": "text", "text": ""})
    + record(type="content_block_delta", index=0, delta={"type": "text_delta", "text": "Hi"})
    + record(type="message_delta", delta={"stop_reason": "end_turn"})
    + record(type="message_stop"),
    THEIRS: record(type="response.output_text.delta", delta="Hi") + record(type="response.completed", response={}),
}
ERROR = {
    ACME: b'data: {"error":{"message":"busy","code":503}}\n\n',
    ANTHROPIC: record(type="error", error={"type": "overloaded_error", "message": "busy"}),
    THEIRS: record(type="response.failed", response={"error": {"code": "server_is_overloaded", "message": "busy"}}),
}
PORTS = pytest.mark.parametrize("port", MODELS, ids=["chat", "responses", "anthropic"])


@pytest.fixture
def proxy_under_test(proxy_under_test: ProxyUnderTest) -> ProxyUnderTest:
    proxy_under_test.routes(TWO)
    return proxy_under_test


def stubborn(proxy_under_test: ProxyUnderTest) -> None:
    (exchanges,) = (addon for addon in proxy_under_test.addons if type(addon).__name__ == Exchanges.__name__)
    exchanges._policy = OnceMore()


def fail(harness: LayerHarness, port: int, way: str) -> None:
    """What comes before any content, in the ways that it may come to nothing."""
    match way:
        case "error event first":
            harness.upstream_sends(chunked_response(ERROR[port]), port)
        case "error event after the start":
            harness.upstream_sends(OK + chunk(NOTHING_YET[port]) + chunk(ERROR[port]), port)
        case "drop after the start":
            harness.upstream_sends(OK + chunk(NOTHING_YET[port]), port)
            harness.upstream_closes(port)
        case "end after the start":
            harness.upstream_sends(chunked_response(NOTHING_YET[port]), port)
        case "empty":
            harness.upstream_sends(chunked_response(), port)
        case "page":
            harness.upstream_sends(chunked_response(b"<html><title>Bad gateway</title></html>"), port)


WAYS = pytest.mark.parametrize(
    "way",
    [
        *("error event first", "error event after the start", "drop after the start", "end after the start"),
        *("empty", "page"),
    ],
)


@PORTS
@WAYS
@pytest.mark.parametrize("stream", [True, False])
def test_what_fails_before_content_leads_to_the_next_attempt(
    proxy_under_test: ProxyUnderTest, port: int, way: str, *, stream: bool
) -> None:
    stubborn(proxy_under_test)
    harness = proxy_under_test.post(request_body(MODELS[port], stream=stream))
    fail(harness, port, way if stream or port != THEIRS else "page")
    assert harness.to_client == b""
    assert harness.log.count("next_attempt") == 2
    served = NOTHING_YET[port] + SERVED[port] if stream or port != THEIRS else b'{"output": "Hi"}'
    harness.upstream_sends(chunked_response(served), port)
    assert harness.to_client.startswith(b"HTTP/1.1 200")
    assert b"Hi" in harness.to_client and b"busy" not in harness.to_client
    assert [flow.marked for flow in harness.flows] == ["", ":x:", ""]


@PORTS
@WAYS
@pytest.mark.parametrize("headers", [CODEX, {}], ids=["codex", "other"])
def test_where_no_attempt_follows_codex_reads_a_stream_that_failed_and_others_a_status(
    proxy_under_test: ProxyUnderTest, port: int, way: str, headers: dict[str, str]
) -> None:
    harness = proxy_under_test.post(request_body(MODELS[port]), headers)
    fail(harness, port, way)
    response = HttpMessage(harness.to_client)
    # OpenAI's own words are handed on to everybody, its codes with them.
    if headers or (port == THEIRS and way.startswith("error")):
        assert response.status == 200 and response.headers["content-type"] == "text/event-stream"
        assert response.body.count(b"event: response.failed") == 1
        assert b"busy" in response.body or not way.startswith("error")
        return
    assert response.status >= 400 and response.headers["content-type"] == "application/json"
    if way.startswith("error"):
        assert (response.status, response.error["code"]) == (503, "overloaded")
        assert "busy" in response.error["message"]


@PORTS
@pytest.mark.parametrize("drop", [True, False])
def test_after_content_a_failure_is_an_end_of_the_stream(
    proxy_under_test: ProxyUnderTest, port: int, *, drop: bool
) -> None:
    stubborn(proxy_under_test)
    harness = proxy_under_test.post(request_body(MODELS[port]))
    harness.upstream_sends(OK + chunk(NOTHING_YET[port] + SERVED[port].partition(b"Hi")[0] + b'Hi"}}]}\n\n'), port)
    if port != ACME:
        harness = proxy_under_test.post(request_body(MODELS[port]))
        until = SERVED[port].index(b"\n\n", SERVED[port].index(b"Hi")) + 2
        harness.upstream_sends(OK + chunk(NOTHING_YET[port] + SERVED[port][:until]), port)
    assert b"Hi" in harness.to_client
    if drop:
        harness.upstream_closes(port)
    else:
        harness.upstream_sends(chunk(ERROR[port]), port)
    assert harness.to_client.count(b"event: response.failed") == 1
    assert harness.log.count("next_attempt") == 1


@PORTS
def test_the_start_waits_for_content_and_comes_with_it(proxy_under_test: ProxyUnderTest, port: int) -> None:
    harness = proxy_under_test.post(request_body(MODELS[port]))
    harness.upstream_sends(OK + chunk(NOTHING_YET[port]), port)
    harness.fire_timers()
    assert harness.to_client == b"", "not even a keep-alive"
    harness.upstream_sends(chunk(SERVED[port]) + b"0\r\n\r\n", port)
    response = body(harness.to_client)
    assert response.index(b"response.created") < response.index(b"Hi")


@pytest.mark.parametrize(("headers", "reads"), [(CODEX, False), ({}, True)], ids=["codex", "other"])
def test_only_a_client_that_gives_up_before_long_reads_the_start_without_content(
    proxy_under_test: ProxyUnderTest, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch, *, reads: bool
) -> None:
    harness = proxy_under_test.post(request_body(), headers)
    harness.upstream_sends(OK + chunk(ROLE), ACME)
    later = time.monotonic() + 125
    monkeypatch.setattr(time, "monotonic", lambda: later)
    harness.fire_timers()
    assert (b"response.created" in harness.to_client) is reads
    later += 16
    harness.fire_timers()
    assert (b"keepalive" in harness.to_client) is reads


def test_a_response_without_content_is_a_response(proxy_under_test: ProxyUnderTest) -> None:
    harness = proxy_under_test.post(request_body())
    harness.upstream_sends(
        chunked_response(ROLE, b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n')
    )
    assert b"event: response.completed" in harness.to_client


def test_the_request_is_validated_once_for_all_attempts(
    proxy_under_test: ProxyUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    from converters.responses import wire

    read: list[object] = []
    plain = wire.read
    monkeypatch.setattr(wire, "read", lambda raw: (read.append(raw), plain(raw))[1])
    stubborn(proxy_under_test)
    harness = proxy_under_test.post(request_body())
    fail(harness, ACME, "empty")
    assert harness.log.count("next_attempt") == 2
    assert len(read) == 1


HEADERS = b"x-request-id: req_1\r\nx-codex-turn-state: t7\r\nx-models-etag: e1\r\nopenai-model: other\r\n"


@PORTS
@pytest.mark.parametrize("kind", ["stream", "whole", "refused", "failed"])
def test_the_headers_that_codex_reads_are_the_upstreams_own(
    proxy_under_test: ProxyUnderTest, port: int, kind: str
) -> None:
    harness = proxy_under_test.post(request_body(MODELS[port], stream=kind != "whole"))
    upstream_response = {
        "stream": chunked_response(NOTHING_YET[port] + SERVED[port]),
        "whole": chunked_response(b'{"output": []}' if port == THEIRS else NOTHING_YET[port] + SERVED[port]),
        "refused": b"HTTP/1.1 429 No\r\ncontent-length: 2\r\n\r\n{}",
        "failed": chunked_response(ERROR[port]),
    }[kind]
    first, _, rest = upstream_response.partition(b"\r\n")
    harness.upstream_sends(first + b"\r\n" + HEADERS + rest, port)
    response = HttpMessage(harness.to_client)
    expected = ("req_1", "t7", "e1")
    assert tuple(response.headers[name] for name in ("x-request-id", "x-codex-turn-state", "x-models-etag")) == expected
    assert "openai-model" not in response.headers
    assert [name for name, _ in response.fields].count("x-request-id") == 1


EMPTY = {
    ACME: ROLE + b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    ANTHROPIC: MESSAGE_START
    + record(type="message_delta", delta={"stop_reason": "end_turn"})
    + record(type="message_stop"),
    THEIRS: CREATED + record(type="response.completed", response={"id": "r", "status": "completed", "output": []}),
}


@PORTS
def test_an_empty_answer_may_be_had_elsewhere(proxy_under_test: ProxyUnderTest, port: int) -> None:
    stubborn(proxy_under_test)
    harness = proxy_under_test.post(request_body(MODELS[port]))
    harness.upstream_sends(chunked_response(EMPTY[port]), port)
    assert harness.to_client == b""
    harness.upstream_sends(chunked_response(NOTHING_YET[port] + SERVED[port]), port)
    assert b'"Hi"' in harness.to_client and harness.to_client.count(b"HTTP/1.1") == 1
    assert harness.flow("upstream").metadata[OUTCOME] == "failed"


@PORTS
def test_an_empty_answer_is_delivered_where_nothing_follows(proxy_under_test: ProxyUnderTest, port: int) -> None:
    harness = proxy_under_test.post(request_body(MODELS[port]))
    harness.upstream_sends(chunked_response(EMPTY[port]), port)
    assert harness.to_client.startswith(b"HTTP/1.1 200 ")
    assert b"event: response.completed" in harness.to_client
    assert harness.hooks("client")[-1] == "response"
