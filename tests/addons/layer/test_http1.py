"""What mitmproxy's HTTP/1 does not expect of a peer."""

import orjson
import pytest
from mitmproxy import http

from addons.layer import http1
from tests.addons.layer_harness import (
    END,
    OK,
    POST,
    LayerHarness,
    ScriptedAddon,
    attempt,
    body,
    chunk,
    chunked_response,
    harness_after_request,
)

CHUNKED = b"POST /v1/responses HTTP/1.1\r\nhost: proxy\r\ntransfer-encoding: chunked\r\n\r\n"
TARGET = 80
INTERIM = b"HTTP/1.1 %d Wait\r\nlink: </a>\r\n\r\n"
TRAILED = chunk(b"one") + b"0\r\nx-cost: 3\r\nx-sum: 4\r\n\r\n"


# --- before the answer ---


@pytest.mark.parametrize("status", [100, 102, 103])
@pytest.mark.parametrize("cut", [1, 30, 1000])
def test_what_comes_before_the_response_is_skipped(status: int, cut: int) -> None:
    harness = harness_after_request(ScriptedAddon(attempt()))
    sent = (INTERIM % status) * 3 + chunked_response(b"one")
    for start in range(0, len(sent), cut):
        harness.upstream_sends(sent[start : start + cut])
    assert harness.flow("client").response.raw_content == b"ONEEND"  # type: ignore[union-attr]
    assert harness.flow("upstream").response.status_code == 200  # type: ignore[union-attr]
    assert harness.hooks("attempt").count("responseheaders") == 1


def test_what_comes_before_a_response_that_passes_through_is_skipped() -> None:
    harness = harness_after_request(ScriptedAddon())
    harness.upstream_sends(INTERIM % 103 + chunked_response(b"one"), TARGET)
    assert harness.to_client == chunked_response(b"one")


def test_thousands_before_the_response_are_skipped() -> None:
    harness = harness_after_request(ScriptedAddon(attempt()))
    harness.upstream_sends(INTERIM % 100 * 5000 + chunked_response(b"one"))
    assert body(harness.to_client) == chunk(b"ONE") + chunk(b"END") + END


def test_a_connection_with_interim_responses_serves_the_next_exchange() -> None:
    harness = harness_after_request(ScriptedAddon(attempt(), attempt()))
    harness.upstream_sends(INTERIM % 100 + chunked_response(b"one"))
    harness.client_sends()
    harness.upstream_sends(INTERIM % 103 + chunked_response(b"two"))
    assert harness.log.count("connect 1") == 1
    assert harness.to_client.endswith(chunk(b"TWO") + chunk(b"END") + END)


# --- heads that cannot be read ---


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST /v1/responses / HTTP/1.1\r\n\r\n", 400),
        (b"POST /v1/responses HTTP/1.1\r\ncontent-length: one\r\n\r\n", 400),
        (b"\x16\x03\x01" + b"x" * 100_000 + b"\r\n\r\n", 400),
        (b"POST /v1/responses HTTP/1.1\r\nx: " + b"x" * 300_000, 431),
    ],
    ids=["line", "length", "not HTTP", "endless"],
)
def test_a_head_that_cannot_be_read_is_refused_in_json(head: bytes, status: int) -> None:
    harness = LayerHarness(ScriptedAddon())
    harness.client_sends(head)
    harness.client_sends(b"x")
    assert harness.to_client.startswith(b"HTTP/1.1 %d " % status)
    assert b"content-type: application/json" in harness.to_client.lower()
    assert 0 < len(orjson.loads(body(harness.to_client))["error"]["message"]) < 1000


# --- trailers ---


@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_trailers_of_an_upstream_are_dropped(cut: int) -> None:
    harness = harness_after_request(ScriptedAddon(attempt(), attempt()))
    sent = OK + TRAILED
    for start in range(0, len(sent), cut):
        harness.upstream_sends(sent[start : start + cut])
    assert body(harness.to_client).endswith(chunk(b"END") + END)
    harness.client_sends()
    harness.upstream_sends(chunked_response(b"two"))
    assert harness.log.count("connect 1") == 1
    assert harness.to_client.endswith(chunk(b"TWO") + chunk(b"END") + END)


def test_trailers_of_a_client_are_dropped() -> None:
    harness = LayerHarness(ScriptedAddon(attempt(), attempt()))
    harness.client_sends(CHUNKED + TRAILED)
    harness.upstream_sends(chunked_response(b"one"))
    assert body(harness.to_client) == chunk(b"ONE") + chunk(b"END") + END
    harness.client_sends()
    assert harness.log.count("next_attempt") == 2


def test_trailers_pass_neither_way() -> None:
    harness = LayerHarness(ScriptedAddon())
    harness.client_sends(CHUNKED + TRAILED)
    harness.upstream_sends(OK + TRAILED, TARGET)
    assert b"x-cost" not in harness.to_upstream[TARGET] + harness.to_client
    assert harness.to_upstream[TARGET].endswith(chunk(b"one") + END)
    assert harness.to_client == chunked_response(b"one")


# --- heads ---


def test_a_head_without_end_of_an_upstream_is_a_failure() -> None:
    addon = ScriptedAddon(attempt(), http.Response.make(502))
    harness = harness_after_request(addon)
    harness.upstream_sends(b"HTTP/1.1 200 OK\r\nx-filler: " + b"x" * http1._MAX_HEAD_BYTES)
    harness.upstream_sends(b"x")
    assert addon.faults[1] and addon.faults[1].kind == "cut"
    assert "a head of more than" in addon.faults[1].message
    assert harness.to_client.startswith(b"HTTP/1.1 502")
    assert "close 1" in harness.log


def test_a_head_without_end_of_a_client_is_refused() -> None:
    harness = LayerHarness(ScriptedAddon())
    harness.client_sends(b"POST /v1/responses HTTP/1.1\r\nx-filler: " + b"x" * http1._MAX_HEAD_BYTES)
    harness.client_sends(b"x" * http1._MAX_HEAD_BYTES * 2)
    assert harness.to_client.startswith(b"HTTP/1.1 431")
    assert harness.log == ["close client"]


@pytest.mark.parametrize(
    "start", [b"5" + b";x" * http1._MAX_HEAD_BYTES, b"0\r\n" + b"x: y\r\n" * http1._MAX_HEAD_BYTES]
)
def test_a_line_without_end_in_a_body_is_a_failure(start: bytes) -> None:
    addon = ScriptedAddon(attempt(), http.Response.make(502))
    harness = harness_after_request(addon)
    harness.upstream_sends(OK + start)
    harness.upstream_sends(b"x")
    assert addon.faults[1] and "a head of more than" in addon.faults[1].message
    assert harness.to_client.startswith(b"HTTP/1.1 502")


def test_a_large_chunk_is_no_head() -> None:
    harness = harness_after_request(ScriptedAddon(attempt()))
    harness.upstream_sends(chunked_response(b"x" * http1._MAX_HEAD_BYTES * 3))
    assert body(harness.to_client).endswith(chunk(b"END") + END)


def test_what_is_reported_of_a_head_that_breaks_off_is_cut() -> None:
    addon = ScriptedAddon(attempt(), http.Response.make(502))
    harness = harness_after_request(addon)
    harness.upstream_sends(b"HTTP/1.1 200 OK\r\nx-filler: " + b"x" * 100_000)
    harness.upstream_closes()
    assert addon.faults[1] and len(addon.faults[1].message) < 400
    assert "HTTP/1.1 200 OK" in addon.faults[1].message


@pytest.mark.parametrize("sent", [b"x" * 200_000 + b"\r\n\r\n", OK + b"zz" * 100_000 + b"\r\n"])
def test_what_is_reported_of_what_is_no_http_is_cut(sent: bytes) -> None:
    addon = ScriptedAddon(attempt(), http.Response.make(502))
    harness = harness_after_request(addon)
    harness.upstream_sends(sent)
    assert addon.faults[1] and len(addon.faults[1].message) < 400


def test_nothing_is_reported_of_a_clients_head_that_breaks_off() -> None:
    harness = LayerHarness(ScriptedAddon())
    harness.client_sends(POST[:30] + b"authorization: Bearer sk-1")
    harness.client_disconnects()
    assert not [line for line in harness.lines if "sk-1" in line]
