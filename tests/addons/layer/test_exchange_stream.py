import gzip

import pytest
from mitmproxy import http

from addons.exchange.exchange import Exchange
from addons.exchange.flow_metadata import ATTEMPT, CHUNKS, EXCHANGE, OUTCOME, SIDE, TIMES, numbers
from tests.addons.layer_harness import (
    END,
    POST,
    EditingAddon,
    LayerHarness,
    ScriptedAddon,
    attempt,
    body,
    chunk,
    chunked_response,
    harness_after_first_chunk,
    harness_after_request,
)

# --- an answer ---


def test_each_side_has_a_flow_with_its_own_hooks_in_order() -> None:
    harness = harness_after_request(ScriptedAddon(attempt()))
    harness.upstream_sends(chunked_response(b"one", b"two"))
    assert harness.log == [
        "client requestheaders",
        "client request",
        "next_attempt",
        "attempt requestheaders",
        "attempt request",
        "connect 1",
        "attempt responseheaders",
        "client responseheaders",
        "attempt_end",
        "attempt response",
        "exchange_end",
        "client response",
    ]


def test_a_chunk_is_read_as_soon_as_it_came() -> None:
    harness = harness_after_first_chunk(ScriptedAddon(attempt()))
    harness.upstream_sends(chunk(b"two"))
    assert harness.to_client.endswith(chunk(b"ONE") + chunk(b"TWO"))


def test_the_flows_hold_what_each_side_saw() -> None:
    addon = ScriptedAddon(attempt())
    harness = harness_after_request(addon)
    harness.upstream_sends(chunked_response(b"one", b"-", b"two").replace(b"OK\r\n", b"OK\r\nx-request-id: r1\r\n"))
    client, upstream = harness.flow("client"), harness.flow("upstream")
    assert client.request.raw_content == b"hello"
    assert client.response and client.response.raw_content == b"ONETWOEND"
    assert client.response.headers["x-request-id"] == "r1"
    assert upstream.request.raw_content == b"question"
    assert upstream.response and upstream.response.raw_content == b"one-two"
    assert client.metadata == {SIDE: "client", OUTCOME: "answered"}
    assert len(numbers(upstream.metadata.pop(TIMES))) == 3
    expected = {OUTCOME: "answered", SIDE: "upstream", EXCHANGE: client.id, ATTEMPT: 1, CHUNKS: "3 1 3"}
    assert upstream.metadata == expected
    assert not client.live and not upstream.live
    assert client.error is None and upstream.error is None


def test_both_connections_serve_the_next_exchange() -> None:
    harness = harness_after_request(ScriptedAddon(attempt(), attempt()))
    harness.upstream_sends(chunked_response(b"one"))
    harness.client_sends()
    harness.upstream_sends(chunked_response(b"two"))
    assert harness.log.count("connect 1") == 1
    assert not [entry for entry in harness.log if entry.startswith("close")]
    assert harness.to_client.count(b"HTTP/1.1 200 OK") == 2
    assert harness.to_client.endswith(chunk(b"TWO") + chunk(b"END") + END)


def test_a_compressed_response_is_read_and_kept_as_it_came() -> None:
    packed = gzip.compress(b"one")
    harness = harness_after_request(ScriptedAddon(attempt()))
    harness.upstream_sends(
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed) + packed
    )
    assert body(harness.to_client) == chunk(b"ONE") + chunk(b"END") + END
    kept = harness.flow("upstream").response
    assert kept and kept.raw_content == packed and kept.content == b"one"


@pytest.mark.parametrize("encoding", [b"rot13", b"gzip"])
def test_a_response_that_cannot_be_decoded_leads_to_the_next_attempt(encoding: bytes) -> None:
    addon = ScriptedAddon(attempt(1), attempt(2))
    harness = harness_after_request(addon)
    harness.upstream_sends(b"HTTP/1.1 200 OK\r\ncontent-encoding: %s\r\ncontent-length: 100\r\n\r\nplain" % encoding)
    harness.upstream_sends(chunked_response(b"two"), port=2)
    assert body(harness.to_client) == chunk(b"TWO") + chunk(b"END") + END
    assert addon.faults[1] and addon.faults[1].kind == "server"
    assert "close 1" in harness.log


# --- what is sent ---


def test_credentials_are_on_the_wire_and_nowhere_else() -> None:
    harness = harness_after_request(ScriptedAddon(attempt()))
    harness.upstream_sends(chunked_response(b"one"))
    head, _, rest = harness.to_upstream[1].partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0] == b"post /chat http/1.1"
    assert {b"authorization: bearer sk-secret", b"accept-encoding: identity", b"host: upstream:1"} < set(lines)
    assert b"content-length: 8" in lines
    assert rest == b"question"
    assert not any("sk-secret" in str(flow.get_state()) for flow in harness.flows)


def test_credentials_are_not_in_what_a_conversion_shows_of_itself() -> None:
    addon = ScriptedAddon(attempt())
    harness_after_request(addon)
    assert "sk-secret" not in repr(addon.exchanges[0])


def test_an_edited_attempt_is_what_is_sent() -> None:
    harness = harness_after_request(EditingAddon(attempt()))
    head, _, rest = harness.to_upstream[1].partition(b"\r\n\r\n")
    assert b"content-length: 7" in head
    assert rest == b"edited!"


def test_headers_of_one_hop_stay_behind() -> None:
    flow = attempt()
    flow.request.headers.update({"transfer-encoding": "chunked", "expect": "100-continue", "connection": "close"})
    harness = harness_after_request(ScriptedAddon(flow))
    head = harness.to_upstream[1].partition(b"\r\n\r\n")[0].lower()
    assert not any(name in head for name in (b"transfer-encoding", b"expect", b"connection"))


def test_an_addon_may_respond_in_the_upstreams_place() -> None:
    addon = EditingAddon(attempt())
    addon.reply = http.Response.make(200, b"one")
    harness = harness_after_request(addon)
    assert body(harness.to_client) == chunk(b"ONE") + chunk(b"END") + END
    assert "connect 1" not in harness.log
    assert harness.hooks("attempt") == ["requestheaders", "request", "responseheaders", "response"]


def test_a_refusal_by_an_addon_leads_to_the_next_attempt() -> None:
    addon = EditingAddon(attempt(), http.Response.make(503))
    addon.reply = http.Response.make(429, b"no")
    harness = harness_after_request(addon)
    assert harness.to_client.startswith(b"HTTP/1.1 503")


# --- everything else goes its own way ---


def test_what_the_addon_lets_pass_goes_its_own_way() -> None:
    harness = harness_after_request(ScriptedAddon())
    harness.upstream_sends(chunked_response(b"one"), port=80)
    assert harness.to_upstream[80].endswith(b"\r\n\r\nhello")
    assert harness.to_client == chunked_response(b"one").replace(chunk(b"one"), chunk(b"one"))
    assert harness.log == [
        "client requestheaders",
        "client request",
        "next_attempt",
        "connect 80",
        "client responseheaders",
        "client response",
    ]
    assert harness.flow("client").metadata == {}


def test_a_failed_pass_through_is_mitmproxys_own_matter() -> None:
    harness = harness_after_request(ScriptedAddon(), refused=[80])
    assert harness.to_client.startswith(b"HTTP/1.1 502")
    assert harness.hooks("client")[-1] == "error"


class Streaming(ScriptedAddon):
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        flow.request.stream = True


def test_a_request_body_is_streamed_once_it_is_clear_that_it_may_pass() -> None:
    harness = LayerHarness(Streaming())
    harness.client_sends(POST[:-2])
    assert harness.to_upstream[80].endswith(b"\r\n\r\nhel")
    harness.client_sends(POST[-2:])
    harness.upstream_sends(chunked_response(b"one"), port=80)
    assert harness.log[:2] == ["client requestheaders", "next_attempt"]
    assert harness.hooks("client")[-1] == "response"


def test_a_body_that_an_addon_wants_streamed_is_converted_all_the_same() -> None:
    harness = harness_after_request(Streaming(None, attempt()))
    harness.upstream_sends(chunked_response(b"one"))
    assert 80 not in harness.to_upstream
    assert body(harness.to_client) == chunk(b"ONE") + chunk(b"END") + END


class Silent:
    """An addon that failed, or never came to be."""


@pytest.mark.parametrize(
    "addon", [Silent(), ScriptedAddon(None), Streaming(None, None)], ids=["none", "silent", "streaming"]
)
def test_without_a_word_from_any_addon_a_request_goes_nowhere(addon: object) -> None:
    harness = harness_after_request(addon)
    assert harness.to_upstream == {}
    assert harness.to_client.startswith(b"HTTP/1.1 500")
    assert b'"error":{' in body(harness.to_client)
    assert harness.hooks("client")[-1] == "response"


def test_codex_reads_why_and_does_not_try_again_in_vain() -> None:
    harness = LayerHarness(ScriptedAddon(None))
    harness.client_sends(POST.replace(b"host: proxy", b"host: proxy\r\noriginator: codex_exec"))
    assert harness.to_client.startswith(b"HTTP/1.1 400")
    assert b'"code":"invalid_prompt"' in harness.to_client


class Breaking(ScriptedAddon):
    def next_attempt(self, exchange: Exchange) -> None:
        if exchange.attempts:
            return
        super().next_attempt(exchange)


def test_silence_after_an_attempt_is_reported_as_what_failed() -> None:
    harness = harness_after_request(Breaking(attempt()), refused=[1])
    assert harness.to_upstream == {}
    assert harness.to_client.startswith(b"HTTP/1.1 502")
    assert b"out of reach" in harness.to_client


class Answering(ScriptedAddon):
    def request(self, flow: http.HTTPFlow) -> None:
        flow.response = http.Response.make(200, b"mine")


def test_a_request_that_an_addon_has_answered_calls_no_hook() -> None:
    harness = harness_after_request(Answering(attempt()))
    assert harness.to_client.endswith(b"mine")
    assert "next_attempt" not in harness.log


class Replayed(ScriptedAddon):
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        flow.metadata[SIDE] = "upstream"  # as in a saved flow


def test_a_replayed_attempt_passes_through() -> None:
    harness = harness_after_request(Replayed(attempt()))
    assert "next_attempt" not in harness.log
    assert harness.to_upstream[80].endswith(b"hello")
