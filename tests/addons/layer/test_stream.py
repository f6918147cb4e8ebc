import gzip

import pytest
from mitmproxy import http

from addons.exchange.exchange import Exchange
from addons.exchange.flow_metadata import CHUNKS, EXCHANGE, OUTCOME, SIDE, TIMES, numbers
from tests.addons.stage import (
    END,
    POST,
    Editor,
    Planned,
    Stage,
    answer,
    asked,
    attempt,
    begun,
    body,
    chunk,
)

# --- an answer ---


def test_each_side_has_a_flow_with_its_own_hooks_in_order() -> None:
    stage = asked(Planned(attempt()))
    stage.upstream(answer(b"one", b"two"))
    assert stage.log == [
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
    stage = begun(Planned(attempt()))
    stage.upstream(chunk(b"two"))
    assert stage.to_client.endswith(chunk(b"ONE") + chunk(b"TWO"))


def test_the_flows_hold_what_each_side_saw() -> None:
    addon = Planned(attempt())
    stage = asked(addon)
    stage.upstream(answer(b"one", b"-", b"two").replace(b"OK\r\n", b"OK\r\nx-request-id: r1\r\n"))
    client, upstream = stage.flow("client"), stage.flow("upstream")
    assert client.request.raw_content == b"hello"
    assert client.response and client.response.raw_content == b"ONETWOEND"
    assert client.response.headers["x-request-id"] == "r1"
    assert upstream.request.raw_content == b"question"
    assert upstream.response and upstream.response.raw_content == b"one-two"
    assert client.metadata == {SIDE: "client", OUTCOME: "answered"}
    assert len(numbers(upstream.metadata.pop(TIMES))) == 3
    assert upstream.metadata == {OUTCOME: "answered", SIDE: "upstream", EXCHANGE: client.id, CHUNKS: "3 1 3"}
    assert not client.live and not upstream.live
    assert client.error is None and upstream.error is None


def test_both_connections_serve_the_next_exchange() -> None:
    stage = asked(Planned(attempt(), attempt()))
    stage.upstream(answer(b"one"))
    stage.says()
    stage.upstream(answer(b"two"))
    assert stage.log.count("connect 1") == 1
    assert not [entry for entry in stage.log if entry.startswith("close")]
    assert stage.to_client.count(b"HTTP/1.1 200 OK") == 2
    assert stage.to_client.endswith(chunk(b"TWO") + chunk(b"END") + END)


def test_a_compressed_answer_is_read_and_kept_as_it_came() -> None:
    packed = gzip.compress(b"one")
    stage = asked(Planned(attempt()))
    stage.upstream(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed) + packed)
    assert body(stage.to_client) == chunk(b"ONE") + chunk(b"END") + END
    kept = stage.flow("upstream").response
    assert kept and kept.raw_content == packed and kept.content == b"one"


@pytest.mark.parametrize("encoding", [b"rot13", b"gzip"])
def test_an_answer_that_cannot_be_decoded_leads_to_the_next_attempt(encoding: bytes) -> None:
    addon = Planned(attempt(1), attempt(2))
    stage = asked(addon)
    stage.upstream(b"HTTP/1.1 200 OK\r\ncontent-encoding: %s\r\ncontent-length: 100\r\n\r\nplain" % encoding)
    stage.upstream(answer(b"two"), port=2)
    assert body(stage.to_client) == chunk(b"TWO") + chunk(b"END") + END
    assert addon.faults[1] and addon.faults[1].kind == "server"
    assert "close 1" in stage.log


# --- what is sent ---


def test_credentials_are_on_the_wire_and_nowhere_else() -> None:
    stage = asked(Planned(attempt()))
    stage.upstream(answer(b"one"))
    head, _, rest = stage.to_upstream[1].partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0] == b"post /chat http/1.1"
    assert {b"authorization: bearer sk-secret", b"accept-encoding: identity", b"host: upstream:1"} < set(lines)
    assert b"content-length: 8" in lines
    assert rest == b"question"
    assert not any("sk-secret" in str(flow.get_state()) for flow in stage.flows)


def test_credentials_are_not_in_what_a_conversion_shows_of_itself() -> None:
    addon = Planned(attempt())
    asked(addon)
    assert "sk-secret" not in repr(addon.exchanges[0])


def test_an_edited_attempt_is_what_is_sent() -> None:
    stage = asked(Editor(attempt()))
    head, _, rest = stage.to_upstream[1].partition(b"\r\n\r\n")
    assert b"content-length: 7" in head
    assert rest == b"edited!"


def test_headers_of_one_hop_stay_behind() -> None:
    flow = attempt()
    flow.request.headers.update({"transfer-encoding": "chunked", "expect": "100-continue", "connection": "close"})
    stage = asked(Planned(flow))
    head = stage.to_upstream[1].partition(b"\r\n\r\n")[0].lower()
    assert not any(name in head for name in (b"transfer-encoding", b"expect", b"connection"))


def test_an_addon_may_answer_in_the_upstreams_place() -> None:
    addon = Editor(attempt())
    addon.reply = http.Response.make(200, b"one")
    stage = asked(addon)
    assert body(stage.to_client) == chunk(b"ONE") + chunk(b"END") + END
    assert "connect 1" not in stage.log
    assert stage.hooks("attempt") == ["requestheaders", "request", "responseheaders", "response"]


def test_a_refusal_by_an_addon_leads_to_the_next_attempt() -> None:
    addon = Editor(attempt(), http.Response.make(503))
    addon.reply = http.Response.make(429, b"no")
    stage = asked(addon)
    assert stage.to_client.startswith(b"HTTP/1.1 503")


# --- everything else goes its own way ---


def test_what_the_addon_lets_pass_goes_its_own_way() -> None:
    stage = asked(Planned())
    stage.upstream(answer(b"one"), port=80)
    assert stage.to_upstream[80].endswith(b"\r\n\r\nhello")
    assert stage.to_client == answer(b"one").replace(chunk(b"one"), chunk(b"one"))
    assert stage.log == [
        "client requestheaders",
        "client request",
        "next_attempt",
        "connect 80",
        "client responseheaders",
        "client response",
    ]
    assert stage.flow("client").metadata == {}


def test_a_failed_pass_through_is_mitmproxys_own_matter() -> None:
    stage = asked(Planned(), refused=[80])
    assert stage.to_client.startswith(b"HTTP/1.1 502")
    assert stage.hooks("client")[-1] == "error"


class Streaming(Planned):
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        flow.request.stream = True


def test_a_request_body_is_streamed_once_it_is_clear_that_it_may_pass() -> None:
    stage = Stage(Streaming())
    stage.says(POST[:-2])
    assert stage.to_upstream[80].endswith(b"\r\n\r\nhel")
    stage.says(POST[-2:])
    stage.upstream(answer(b"one"), port=80)
    assert stage.log[:2] == ["client requestheaders", "next_attempt"]
    assert stage.hooks("client")[-1] == "response"


def test_a_body_that_an_addon_wants_streamed_is_converted_all_the_same() -> None:
    stage = asked(Streaming(None, attempt()))
    stage.upstream(answer(b"one"))
    assert 80 not in stage.to_upstream
    assert body(stage.to_client) == chunk(b"ONE") + chunk(b"END") + END


class Silent:
    """An addon that failed, or never came to be."""


@pytest.mark.parametrize("addon", [Silent(), Planned(None), Streaming(None, None)], ids=["none", "silent", "streaming"])
def test_without_a_word_from_any_addon_a_request_goes_nowhere(addon: object) -> None:
    stage = asked(addon)
    assert stage.to_upstream == {}
    assert stage.to_client.startswith(b"HTTP/1.1 500")
    assert b'"error":{' in body(stage.to_client)
    assert stage.hooks("client")[-1] == "response"


def test_codex_reads_why_and_does_not_try_again_in_vain() -> None:
    stage = Stage(Planned(None))
    stage.says(POST.replace(b"host: proxy", b"host: proxy\r\noriginator: codex_exec"))
    assert stage.to_client.startswith(b"HTTP/1.1 400")
    assert b'"code":"invalid_prompt"' in stage.to_client


class Breaking(Planned):
    def next_attempt(self, exchange: Exchange) -> None:
        if exchange.attempts:
            return
        super().next_attempt(exchange)


def test_silence_after_an_attempt_is_told_as_what_failed() -> None:
    stage = asked(Breaking(attempt()), refused=[1])
    assert stage.to_upstream == {}
    assert stage.to_client.startswith(b"HTTP/1.1 502")
    assert b"out of reach" in stage.to_client


class Answering(Planned):
    def request(self, flow: http.HTTPFlow) -> None:
        flow.response = http.Response.make(200, b"mine")


def test_a_request_that_an_addon_has_answered_is_not_asked_about() -> None:
    stage = asked(Answering(attempt()))
    assert stage.to_client.endswith(b"mine")
    assert "next_attempt" not in stage.log


class Replayed(Planned):
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        flow.metadata[SIDE] = "upstream"  # as in a saved flow


def test_a_replayed_attempt_passes_through() -> None:
    stage = asked(Replayed(attempt()))
    assert "next_attempt" not in stage.log
    assert stage.to_upstream[80].endswith(b"hello")
