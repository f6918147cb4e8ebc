"""A request that is too large is answered while it comes, and what still comes is thrown away."""

import pytest
from mitmproxy import http

from addons.exchange.flow_metadata import WHOLE
from tests.addons.layer.test_http2 import REQUEST, Peer
from tests.addons.layer_harness import END, LayerHarness, ScriptedAddon, attempt, body, chunk, chunked_response

HEAD = b"POST /v1/responses HTTP/1.1\r\nhost: proxy\r\n"
DECLARED = HEAD + b"content-length: 500000000\r\n\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
LIMIT = 10_000


class Limiting(ScriptedAddon):
    """Takes so much of each request, as our addon does; `early` is what another one answers at once."""

    early: http.Response | None = None

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        flow.metadata[WHOLE] = LIMIT
        flow.response = self.early


def refused(harness: LayerHarness) -> dict[str, bytes]:
    """The headers of a refusal in our form."""
    head, _, response_body = harness.to_client.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    assert status.split()[1] == b"413"
    assert response_body.startswith(b'{"error":{"message":"the request is larger than ')
    return {name.decode().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}


def test_a_declared_size_is_refused_at_once() -> None:
    harness = LayerHarness(Limiting(attempt()))
    harness.client_sends(DECLARED)
    assert refused(harness)["connection"] == b"close"
    assert harness.log == ["client requestheaders", "exchange_end", "client responseheaders", "client response"]
    assert "close client" not in harness.log, "else the answer would be lost with it"


def test_a_client_that_waits_for_leave_gets_none() -> None:
    harness = LayerHarness(Limiting(attempt()))
    harness.client_sends(DECLARED.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n"))
    refused(harness)


def test_a_client_that_waits_for_leave_gets_it() -> None:
    harness = LayerHarness(Limiting(attempt()))
    harness.client_sends(HEAD + b"content-length: 5\r\nexpect: 100-continue\r\n\r\n")
    assert harness.to_client.startswith(b"HTTP/1.1 100 ")
    harness.client_sends(b"hello")
    harness.upstream_sends(chunked_response(b"one"))
    assert harness.to_client.endswith(chunk(b"ONE") + chunk(b"END") + END)


def test_a_body_without_end_is_refused_at_the_limit() -> None:
    harness = LayerHarness(Limiting(attempt()))
    harness.client_sends(CHUNKED + chunk(bytes(LIMIT)))
    assert harness.to_client == b""
    harness.client_sends(chunk(b"x"))
    refused(harness)


def test_what_still_comes_is_thrown_away() -> None:
    harness = LayerHarness(Limiting(attempt()))
    harness.client_sends(CHUNKED + chunk(bytes(LIMIT + 1)))
    response = harness.to_client
    for _ in range(50):
        harness.client_sends(chunk(bytes(LIMIT)))
    assert harness.to_client == response
    assert harness.flow("client").request.raw_content is None
    assert harness.hooks("client").count("response") == 1
    harness.client_sends(END)
    assert harness.log[-1] == "close client"
    harness.fire_timers()
    assert harness.log.count("close client") == 1


def test_what_comes_while_a_hook_is_slow_is_thrown_away() -> None:
    harness = LayerHarness(Limiting(attempt()))
    with harness.holding("client response"):
        harness.client_sends(CHUNKED + chunk(bytes(LIMIT + 1)))
        harness.client_sends(chunk(bytes(LIMIT)) * 20)
        (stream,) = harness.streams
        assert not stream._paused_event_queue
    refused(harness)


@pytest.mark.parametrize("slow", ["client responseheaders", "client response", "client requestheaders"])
def test_a_client_that_leaves_after_all_is_let_go(slow: str) -> None:
    harness = LayerHarness(Limiting(attempt()))
    with harness.holding(slow):
        harness.client_sends(DECLARED)
        harness.client_disconnects()
    assert "close client" in harness.log
    assert harness.streams == []
    harness.fire_timers()


def test_a_client_that_never_stops_is_closed() -> None:
    harness = LayerHarness(Limiting(attempt()))
    harness.client_sends(DECLARED)
    harness.fire_timers()
    assert harness.log[-1] == "close client"
    assert harness.streams == []


def test_an_addons_own_response_does_not_wait_for_a_large_body() -> None:
    addon = Limiting(attempt())
    addon.early = http.Response.make(401, b"who are you?")
    harness = LayerHarness(addon)
    harness.client_sends(DECLARED)
    assert harness.to_client.startswith(b"HTTP/1.1 401")
    assert harness.to_client.endswith(b"who are you?")


def test_an_addons_own_response_waits_for_a_small_body() -> None:
    addon = Limiting(attempt())
    addon.early = http.Response.make(401, b"who are you?")
    harness = LayerHarness(addon)
    harness.client_sends(HEAD + b"content-length: 5\r\n\r\n")
    assert harness.to_client == b""
    harness.client_sends(b"hello")
    harness.client_sends(HEAD + b"content-length: 5\r\n\r\nhello")
    assert harness.to_client.count(b"who are you?") == 2


@pytest.mark.parametrize("start", [DECLARED, CHUNKED + chunk(bytes(2000))])
def test_what_passes_through_has_mitmproxys_limit_and_our_form(start: bytes) -> None:
    harness = LayerHarness(ScriptedAddon(), set_options={"body_size_limit": "1k"})
    harness.client_sends(start)
    refused(harness)


def test_codex_gets_a_status_so_that_it_does_not_try_again() -> None:
    harness = LayerHarness(Limiting(attempt()))
    harness.client_sends(DECLARED.replace(b"host:", b"originator: codex_exec\r\nhost:"))
    assert harness.to_client.startswith(b"HTTP/1.1 400")
    assert b'"code":"invalid_prompt"' in harness.to_client


def test_a_response_that_is_too_large_to_pass_is_refused_in_our_form() -> None:
    harness = LayerHarness(ScriptedAddon(), set_options={"body_size_limit": "1k"})
    harness.client_sends()
    harness.upstream_sends(chunked_response(bytes(3000)), port=80)
    assert harness.to_client.startswith(b"HTTP/1.1 502")
    assert body(harness.to_client).startswith(b'{"error":{"message":"Response body exceeds')


def test_a_large_http2_request_is_one_refused_stream() -> None:
    harness, codex = LayerHarness(Limiting(attempt()), alpn=b"h2"), Peer(client=True)
    codex.h2.send_headers(1, REQUEST)
    for _ in range(3):
        codex.h2.send_data(1, bytes(LIMIT))
    harness.client_sends(codex.send())
    codex.read(harness.to_client)
    assert codex.data().startswith(b'{"error":{"message":"the request is larger')
    harness.client_sends(codex.ask(3))
    assert harness.log.count("next_attempt") == 1
    harness.fire_timers()
    assert {stream.stream_id for stream in harness.streams} == {3}
