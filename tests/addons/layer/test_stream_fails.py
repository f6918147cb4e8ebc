import zlib

import pytest
from mitmproxy import http

from converters.errors import Fault
from tests.addons.layer_harness import (
    END,
    OK,
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

# --- failures before anything was read ---


def test_a_refused_connection_leads_to_the_next_attempt() -> None:
    addon = ScriptedAddon(attempt(1), attempt(2), provider_name="acme")
    harness = harness_after_request(addon, refused=[1])
    harness.upstream_sends(chunked_response(b"two"), port=2)
    assert body(harness.to_client) == chunk(b"TWO") + chunk(b"END") + END
    assert addon.faults == [None, Fault("unreachable", "acme is out of reach: refused")]
    assert harness.hooks("attempt")[:3] == ["requestheaders", "request", "error"]
    first = harness.flow("upstream")
    assert first.error and first.error.msg == "acme is out of reach: refused"
    assert first.response is None and not first.live


def test_the_same_upstream_can_be_tried_again_after_a_refused_connection() -> None:
    harness = LayerHarness(ScriptedAddon(attempt(1), attempt(1)), refused=[1])
    with harness.holding("attempt error"):
        harness.client_sends()
        harness.refused.clear()
    harness.upstream_sends(chunked_response(b"one"))
    assert body(harness.to_client) == chunk(b"ONE") + chunk(b"END") + END


def test_a_refusal_is_read_whole_and_leads_to_the_next_attempt() -> None:
    addon = ScriptedAddon(attempt(1), attempt(2))
    harness = harness_after_request(addon)
    harness.upstream_sends(refusal()[:-4])
    assert len(addon.exchanges) == 1
    harness.upstream_sends(refusal()[-4:])
    harness.upstream_sends(chunked_response(b"two"), port=2)
    assert body(harness.to_client) == chunk(b"TWO") + chunk(b"END") + END
    exchange = addon.exchanges[1]
    assert addon.faults[1] and addon.faults[1].status
    assert exchange.attempts[0].flow.response and exchange.attempts[0].flow.response.status_code == 429
    assert exchange.attempts[0].flow.response.raw_content == b"slow down"
    assert exchange.attempts[0].flow.error is None


def test_a_refusing_upstreams_connection_is_used_again() -> None:
    harness = harness_after_request(ScriptedAddon(attempt(), attempt()))
    harness.upstream_sends(refusal())
    harness.upstream_sends(chunked_response(b"one"))
    assert harness.log.count("connect 1") == 1
    assert body(harness.to_client) == chunk(b"ONE") + chunk(b"END") + END


def test_a_refusal_without_end_is_not_read_to_its_end() -> None:
    addon = ScriptedAddon(attempt(), http.Response.make(502))
    harness = harness_after_request(addon)
    harness.upstream_sends(b"HTTP/1.1 500 No\r\n\r\n" + bytes(2 << 20))
    assert harness.to_client.startswith(b"HTTP/1.1 502")
    assert "close 1" in harness.log


def test_a_refusal_that_is_cut_is_still_a_refusal() -> None:
    addon = ScriptedAddon(attempt(), http.Response.make(502))
    harness = harness_after_request(addon)
    harness.upstream_sends(refusal()[:-4])
    harness.upstream_closes()
    exchange = addon.exchanges[1]
    assert addon.faults[1] and addon.faults[1].status
    assert exchange.attempts[0].flow.response and exchange.attempts[0].flow.response.raw_content == b"slow "
    assert exchange.attempts[0].flow.error


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 200 O", OK, OK + chunk(b"-")])
def test_an_upstream_that_drops_before_the_first_word_leads_to_the_next_attempt(before: bytes) -> None:
    addon = ScriptedAddon(attempt(1), attempt(2))
    harness = harness_after_request(addon)
    if before:
        harness.upstream_sends(before)
    harness.upstream_closes()
    harness.upstream_sends(chunked_response(b"two"), port=2)
    assert body(harness.to_client) == chunk(b"TWO") + chunk(b"END") + END
    assert addon.faults[1] and addon.faults[1].kind == "cut"
    assert harness.hooks("attempt").count("error") == 1
    assert harness.hooks("client")[-1] == "response"


def test_a_dropped_whole_response_leads_to_the_next_attempt() -> None:
    addon = ScriptedAddon(attempt(1), http.Response.make(502), answer=lambda: UppercaseConverter(stream=False))
    harness = harness_after_request(addon)
    harness.upstream_sends(OK + chunk(b"one"))
    harness.upstream_closes()
    assert harness.to_client.startswith(b"HTTP/1.1 502")


def test_another_protocol_is_no_answer() -> None:
    addon = ScriptedAddon(attempt(), http.Response.make(502))
    harness = harness_after_request(addon)
    harness.upstream_sends(b"HTTP/1.1 101 Wait\r\n\r\n")
    assert addon.faults[1] and addon.faults[1].kind == "server"
    assert harness.to_client.startswith(b"HTTP/1.1 502")
    assert "close 1" in harness.log


def test_what_is_not_http_is_a_failure() -> None:
    addon = ScriptedAddon(attempt(), http.Response.make(502))
    harness = harness_after_request(addon)
    harness.upstream_sends(b"SSH-2.0-hello\r\n\r\n")
    assert addon.faults[1] and addon.faults[1].kind == "cut"


# --- failures in mid-answer ---


def test_an_upstream_that_drops_within_a_response_ends_the_stream_cleanly() -> None:
    addon = ScriptedAddon(attempt(), attempt(2))
    harness = harness_after_first_chunk(addon)
    harness.upstream_closes()
    assert body(harness.to_client) == chunk(b"ONE") + chunk(b"FAILED cut") + END
    upstream, client = harness.flow("upstream"), harness.flow("client")
    assert upstream.error and "broke off" in upstream.error.msg
    assert upstream.response and upstream.response.raw_content == b"one"
    assert client.error is None
    assert client.response and client.response.raw_content == b"ONEFAILED cut"
    assert harness.log[-4:] == ["attempt_end", "attempt error", "exchange_end", "client response"]
    assert len(addon.exchanges) == 1


def test_the_clients_connection_survives_a_drop_in_mid_answer() -> None:
    harness = harness_after_first_chunk(ScriptedAddon(attempt(), attempt()))
    harness.upstream_closes()
    harness.client_sends()
    harness.upstream_sends(chunked_response(b"two"))
    assert harness.log.count("connect 1") == 2
    assert harness.to_client.endswith(chunk(b"TWO") + chunk(b"END") + END)


def test_bytes_that_cannot_be_decoded_within_a_response_end_the_stream_cleanly() -> None:
    packer = zlib.compressobj()
    good = packer.compress(b"one") + packer.flush(zlib.Z_SYNC_FLUSH)
    harness = harness_after_request(ScriptedAddon(attempt()))
    harness.upstream_sends(OK.replace(b"\r\n\r\n", b"\r\ncontent-encoding: deflate\r\n\r\n") + chunk(good))
    harness.upstream_sends(chunk(b"\xff" * 20))
    assert body(harness.to_client) == chunk(b"ONE") + chunk(b"FAILED server") + END
    assert "close 1" in harness.log
