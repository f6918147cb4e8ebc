import zlib

import pytest
from mitmproxy import http

from converters.errors import Fault
from tests.addons.stage import END, OK, Loud, Planned, Stage, answer, asked, attempt, begun, body, chunk, refusal

# --- failures before anything was read ---


def test_a_refused_connection_leads_to_the_next_attempt() -> None:
    addon = Planned(attempt(1), attempt(2), provider_name="acme")
    stage = asked(addon, refused=[1])
    stage.upstream(answer(b"two"), port=2)
    assert body(stage.to_client) == chunk(b"TWO") + chunk(b"END") + END
    assert addon.faults == [None, Fault("unreachable", "acme is out of reach: refused")]
    assert stage.hooks("attempt")[:3] == ["requestheaders", "request", "error"]
    first = stage.flow("upstream")
    assert first.error and first.error.msg == "acme is out of reach: refused"
    assert first.response is None and not first.live


def test_the_same_upstream_can_be_tried_again_after_a_refused_connection() -> None:
    stage = Stage(Planned(attempt(1), attempt(1)), refused=[1])
    with stage.holding("attempt error"):
        stage.says()
        stage.refused.clear()
    stage.upstream(answer(b"one"))
    assert body(stage.to_client) == chunk(b"ONE") + chunk(b"END") + END


def test_a_refusal_is_read_whole_and_leads_to_the_next_attempt() -> None:
    addon = Planned(attempt(1), attempt(2))
    stage = asked(addon)
    stage.upstream(refusal()[:-4])
    assert len(addon.exchanges) == 1
    stage.upstream(refusal()[-4:])
    stage.upstream(answer(b"two"), port=2)
    assert body(stage.to_client) == chunk(b"TWO") + chunk(b"END") + END
    exchange = addon.exchanges[1]
    assert addon.faults[1] and addon.faults[1].status
    assert exchange.attempts[0].flow.response and exchange.attempts[0].flow.response.status_code == 429
    assert exchange.attempts[0].flow.response.raw_content == b"slow down"
    assert exchange.attempts[0].flow.error is None


def test_a_refusing_upstreams_connection_is_used_again() -> None:
    stage = asked(Planned(attempt(), attempt()))
    stage.upstream(refusal())
    stage.upstream(answer(b"one"))
    assert stage.log.count("connect 1") == 1
    assert body(stage.to_client) == chunk(b"ONE") + chunk(b"END") + END


def test_a_refusal_without_end_is_not_read_to_its_end() -> None:
    addon = Planned(attempt(), http.Response.make(502))
    stage = asked(addon)
    stage.upstream(b"HTTP/1.1 500 No\r\n\r\n" + bytes(2 << 20))
    assert stage.to_client.startswith(b"HTTP/1.1 502")
    assert "close 1" in stage.log


def test_a_refusal_that_is_cut_is_still_a_refusal() -> None:
    addon = Planned(attempt(), http.Response.make(502))
    stage = asked(addon)
    stage.upstream(refusal()[:-4])
    stage.upstream_closes()
    exchange = addon.exchanges[1]
    assert addon.faults[1] and addon.faults[1].status
    assert exchange.attempts[0].flow.response and exchange.attempts[0].flow.response.raw_content == b"slow "
    assert exchange.attempts[0].flow.error


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 200 O", OK, OK + chunk(b"-")])
def test_an_upstream_that_drops_before_the_first_word_leads_to_the_next_attempt(before: bytes) -> None:
    addon = Planned(attempt(1), attempt(2))
    stage = asked(addon)
    if before:
        stage.upstream(before)
    stage.upstream_closes()
    stage.upstream(answer(b"two"), port=2)
    assert body(stage.to_client) == chunk(b"TWO") + chunk(b"END") + END
    assert addon.faults[1] and addon.faults[1].kind == "cut"
    assert stage.hooks("attempt").count("error") == 1
    assert stage.hooks("client")[-1] == "response"


def test_a_dropped_whole_answer_leads_to_the_next_attempt() -> None:
    addon = Planned(attempt(1), http.Response.make(502), answer=lambda: Loud(stream=False))
    stage = asked(addon)
    stage.upstream(OK + chunk(b"one"))
    stage.upstream_closes()
    assert stage.to_client.startswith(b"HTTP/1.1 502")


def test_another_protocol_is_no_answer() -> None:
    addon = Planned(attempt(), http.Response.make(502))
    stage = asked(addon)
    stage.upstream(b"HTTP/1.1 101 Wait\r\n\r\n")
    assert addon.faults[1] and addon.faults[1].kind == "server"
    assert stage.to_client.startswith(b"HTTP/1.1 502")
    assert "close 1" in stage.log


def test_what_is_not_http_is_a_failure() -> None:
    addon = Planned(attempt(), http.Response.make(502))
    stage = asked(addon)
    stage.upstream(b"SSH-2.0-hello\r\n\r\n")
    assert addon.faults[1] and addon.faults[1].kind == "cut"


# --- failures in mid-answer ---


def test_an_upstream_that_drops_in_mid_answer_ends_the_stream_cleanly() -> None:
    addon = Planned(attempt(), attempt(2))
    stage = begun(addon)
    stage.upstream_closes()
    assert body(stage.to_client) == chunk(b"ONE") + chunk(b"FAILED cut") + END
    upstream, client = stage.flow("upstream"), stage.flow("client")
    assert upstream.error and "broke off" in upstream.error.msg
    assert upstream.response and upstream.response.raw_content == b"one"
    assert client.error is None
    assert client.response and client.response.raw_content == b"ONEFAILED cut"
    assert stage.log[-4:] == ["attempt_end", "attempt error", "exchange_end", "client response"]
    assert len(addon.exchanges) == 1


def test_the_clients_connection_survives_a_drop_in_mid_answer() -> None:
    stage = begun(Planned(attempt(), attempt()))
    stage.upstream_closes()
    stage.says()
    stage.upstream(answer(b"two"))
    assert stage.log.count("connect 1") == 2
    assert stage.to_client.endswith(chunk(b"TWO") + chunk(b"END") + END)


def test_bytes_that_cannot_be_decoded_in_mid_answer_end_the_stream_cleanly() -> None:
    packer = zlib.compressobj()
    good = packer.compress(b"one") + packer.flush(zlib.Z_SYNC_FLUSH)
    stage = asked(Planned(attempt()))
    stage.upstream(OK.replace(b"\r\n\r\n", b"\r\ncontent-encoding: deflate\r\n\r\n") + chunk(good))
    stage.upstream(chunk(b"\xff" * 20))
    assert body(stage.to_client) == chunk(b"ONE") + chunk(b"FAILED server") + END
    assert "close 1" in stage.log
