import pytest
from mitmproxy import http

from addons.exchange.exchange import Exchange
from tests.addons.layer_harness import (
    END,
    OK,
    POST,
    LayerHarness,
    ScriptedAddon,
    UppercaseConverter,
    attempt,
    body,
    chunk,
    chunked_response,
    harness_after_first_chunk,
    harness_after_request,
    refusal,
)


def test_the_client_reads_the_converted_chunks() -> None:
    harness = harness_after_request(ScriptedAddon(attempt()))
    harness.upstream_sends(chunked_response(b"one", b"two"))
    head, _, rest = harness.to_client.partition(b"\r\n\r\n")
    assert rest == chunk(b"ONETWO") + chunk(b"END") + END
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert b"content-type: text/event-stream; charset=utf-8" in lines
    assert {b"cache-control: no-cache", b"x-accel-buffering: no"} < set(lines), "no proxy between may hold it back"
    assert not any(line.startswith(b"content-length") for line in lines)


def test_nothing_is_sent_without_content() -> None:
    harness = harness_after_first_chunk(ScriptedAddon(attempt()))
    before = harness.to_client
    harness.upstream_sends(chunk(b"-"))
    assert harness.to_client == before


def test_the_head_waits_for_the_first_words() -> None:
    harness = harness_after_request(ScriptedAddon(attempt()))
    harness.upstream_sends(OK + chunk(b"-"))
    assert harness.to_client == b""
    harness.upstream_sends(chunk(b"one"))
    assert harness.to_client.endswith(chunk(b"ONE"))


def test_an_empty_response_is_what_the_end_says() -> None:
    harness = harness_after_request(ScriptedAddon(attempt()))
    harness.upstream_sends(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    assert body(harness.to_client) == chunk(b"END") + END
    assert harness.hooks("client")[-1] == harness.hooks("attempt")[-1] == "response"


def test_the_end_of_the_message_does_not_wait_for_hooks() -> None:
    harness = harness_after_first_chunk(ScriptedAddon(attempt()))
    with harness.holding("attempt response"):
        harness.upstream_sends(END)
        assert harness.to_client.endswith(chunk(b"END") + END)


def test_an_http10_client_gets_no_chunks() -> None:
    harness = LayerHarness(ScriptedAddon(attempt()))
    harness.client_sends(POST.replace(b"HTTP/1.1", b"HTTP/1.0"))
    harness.upstream_sends(chunked_response(b"one"))
    assert body(harness.to_client) == b"ONEEND"
    assert "close client" in harness.log


def test_a_client_that_wants_no_stream_gets_a_whole_response() -> None:
    harness = harness_after_request(ScriptedAddon(attempt(), answer=lambda: UppercaseConverter(stream=False)))
    harness.upstream_sends(OK + chunk(b"one"))
    assert harness.to_client == b""
    harness.upstream_sends(chunk(b"two") + END)
    head, _, rest = harness.to_client.partition(b"\r\n\r\n")
    assert b"content-length: 6" in head and b"content-type: text/plain" in head
    assert rest == b"ONETWO"
    assert harness.log[-4:] == ["attempt response", "client responseheaders", "exchange_end", "client response"]


def test_the_addon_may_respond_to_the_client_itself() -> None:
    harness = harness_after_request(ScriptedAddon(attempt(), http.Response.make(503, b"later", {"retry-after": "5"})))
    harness.upstream_sends(refusal())
    assert harness.to_client.startswith(b"HTTP/1.1 503")
    assert harness.to_client.endswith(b"later")
    assert harness.hooks("client") == ["requestheaders", "request", "responseheaders", "response"]


def test_the_addon_may_respond_without_any_attempt() -> None:
    harness = harness_after_request(ScriptedAddon(http.Response.make(400, b"no such model")))
    assert harness.to_client.startswith(b"HTTP/1.1 400")
    assert harness.hooks("attempt") == []


def test_a_client_hears_something_from_an_addon_that_is_out_of_words() -> None:
    harness = harness_after_request(ScriptedAddon(attempt(), None, provider_name="acme"), refused=[1])
    assert harness.to_client.startswith(b"HTTP/1.1 502")
    assert b'"message":"acme is out of reach: refused"' in harness.to_client


class ReportingAddon(ScriptedAddon):
    """Has the client read of the first failure, and names it in a header."""

    def next_attempt(self, exchange: Exchange) -> None:
        super().next_attempt(exchange)
        exchange.reported = exchange.attempts[0] if exchange.attempts else None
        exchange.response_headers["x-codex-turn-state"] = f"attempt {len(exchange.attempts)}"


def test_the_client_reads_of_the_failure_that_is_reported() -> None:
    addon = ReportingAddon(attempt(1), attempt(2), None, provider_name="acme")
    harness = harness_after_request(addon)
    harness.upstream_sends(refusal(429, b"come back"))
    harness.upstream_sends(b"HTTP/1.1 500 No\r\nx-request-id: 2\r\ncontent-length: 0\r\n\r\n", port=2)
    assert harness.to_client.startswith(b"HTTP/1.1 429") and b"acme answered 429: come back" in harness.to_client
    assert b"retry-after: 7" in harness.to_client and b"x-request-id" not in harness.to_client
    assert b"x-codex-turn-state: attempt 2" in harness.to_client
    outcome, fault = addon.ends[-1]
    assert outcome == "failed" and fault == addon.ends[0][1] and fault and fault.kind == "rate_limited"


def test_what_is_reported_is_no_matter_where_another_attempt_responds() -> None:
    addon = ReportingAddon(attempt(1), attempt(2))
    harness = harness_after_request(addon, refused=[1])
    harness.upstream_sends(chunked_response(b"two"), port=2)
    assert body(harness.to_client) == chunk(b"TWO") + chunk(b"END") + END
    assert addon.ends[-1] == ("answered", None)


@pytest.mark.parametrize("stream", [True, False])
def test_an_addon_may_lay_headers_over_the_upstreams(*, stream: bool) -> None:
    harness = harness_after_request(ReportingAddon(attempt(), answer=lambda: UppercaseConverter(stream=stream)))
    head = OK.replace(b"\r\n\r\n", b"\r\nx-codex-turn-state: theirs\r\nx-request-id: 7\r\n\r\n")
    harness.upstream_sends(head + chunk(b"one") + END)
    sent = harness.to_client.partition(b"\r\n\r\n")[0]
    assert b"x-codex-turn-state: attempt 0" in sent and b"theirs" not in sent
    assert b"x-request-id: 7" in sent
