"""What mitmproxy's HTTP/1 does not expect of a peer."""

import orjson
import pytest
from mitmproxy import http

from addons.layer import http1
from tests.addons.stage import END, OK, POST, Planned, Stage, answer, asked, attempt, body, chunk

CHUNKED = b"POST /v1/responses HTTP/1.1\r\nhost: proxy\r\ntransfer-encoding: chunked\r\n\r\n"
TARGET = 80
INTERIM = b"HTTP/1.1 %d Wait\r\nlink: </a>\r\n\r\n"
TRAILED = chunk(b"one") + b"0\r\nx-cost: 3\r\nx-sum: 4\r\n\r\n"


# --- before the answer ---


@pytest.mark.parametrize("status", [100, 102, 103])
@pytest.mark.parametrize("cut", [1, 30, 1000])
def test_what_comes_before_the_answer_is_skipped(status: int, cut: int) -> None:
    stage = asked(Planned(attempt()))
    said = (INTERIM % status) * 3 + answer(b"one")
    for start in range(0, len(said), cut):
        stage.upstream(said[start : start + cut])
    assert stage.flow("client").response.raw_content == b"ONEEND"  # type: ignore[union-attr]
    assert stage.flow("upstream").response.status_code == 200  # type: ignore[union-attr]
    assert stage.hooks("attempt").count("responseheaders") == 1


def test_what_comes_before_an_answer_that_passes_through_is_skipped() -> None:
    stage = asked(Planned())
    stage.upstream(INTERIM % 103 + answer(b"one"), TARGET)
    assert stage.to_client == answer(b"one")


def test_thousands_before_the_answer_are_skipped() -> None:
    stage = asked(Planned(attempt()))
    stage.upstream(INTERIM % 100 * 5000 + answer(b"one"))
    assert body(stage.to_client) == chunk(b"ONE") + chunk(b"END") + END


def test_a_connection_with_interim_answers_serves_the_next_exchange() -> None:
    stage = asked(Planned(attempt(), attempt()))
    stage.upstream(INTERIM % 100 + answer(b"one"))
    stage.says()
    stage.upstream(INTERIM % 103 + answer(b"two"))
    assert stage.log.count("connect 1") == 1
    assert stage.to_client.endswith(chunk(b"TWO") + chunk(b"END") + END)


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
    stage = Stage(Planned())
    stage.says(head)
    stage.says(b"x")
    assert stage.to_client.startswith(b"HTTP/1.1 %d " % status)
    assert b"content-type: application/json" in stage.to_client.lower()
    assert 0 < len(orjson.loads(body(stage.to_client))["error"]["message"]) < 1000


# --- trailers ---


@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_trailers_of_an_upstream_are_dropped(cut: int) -> None:
    stage = asked(Planned(attempt(), attempt()))
    said = OK + TRAILED
    for start in range(0, len(said), cut):
        stage.upstream(said[start : start + cut])
    assert body(stage.to_client).endswith(chunk(b"END") + END)
    stage.says()
    stage.upstream(answer(b"two"))
    assert stage.log.count("connect 1") == 1
    assert stage.to_client.endswith(chunk(b"TWO") + chunk(b"END") + END)


def test_trailers_of_a_client_are_dropped() -> None:
    stage = Stage(Planned(attempt(), attempt()))
    stage.says(CHUNKED + TRAILED)
    stage.upstream(answer(b"one"))
    assert body(stage.to_client) == chunk(b"ONE") + chunk(b"END") + END
    stage.says()
    assert stage.log.count("next_attempt") == 2


def test_trailers_pass_neither_way() -> None:
    stage = Stage(Planned())
    stage.says(CHUNKED + TRAILED)
    stage.upstream(OK + TRAILED, TARGET)
    assert b"x-cost" not in stage.to_upstream[TARGET] + stage.to_client
    assert stage.to_upstream[TARGET].endswith(chunk(b"one") + END)
    assert stage.to_client == answer(b"one")


# --- heads ---


def test_a_head_without_end_of_an_upstream_is_a_failure() -> None:
    addon = Planned(attempt(), http.Response.make(502))
    stage = asked(addon)
    stage.upstream(b"HTTP/1.1 200 OK\r\nx-filler: " + b"x" * http1._LONGEST_HEAD)
    stage.upstream(b"x")
    assert addon.faults[1] and addon.faults[1].kind == "cut"
    assert "a head of more than" in addon.faults[1].message
    assert stage.to_client.startswith(b"HTTP/1.1 502")
    assert "close 1" in stage.log


def test_a_head_without_end_of_a_client_is_refused() -> None:
    stage = Stage(Planned())
    stage.says(b"POST /v1/responses HTTP/1.1\r\nx-filler: " + b"x" * http1._LONGEST_HEAD)
    stage.says(b"x" * http1._LONGEST_HEAD * 2)
    assert stage.to_client.startswith(b"HTTP/1.1 431")
    assert stage.log == ["close client"]


@pytest.mark.parametrize("start", [b"5" + b";x" * http1._LONGEST_HEAD, b"0\r\n" + b"x: y\r\n" * http1._LONGEST_HEAD])
def test_a_line_without_end_in_a_body_is_a_failure(start: bytes) -> None:
    addon = Planned(attempt(), http.Response.make(502))
    stage = asked(addon)
    stage.upstream(OK + start)
    stage.upstream(b"x")
    assert addon.faults[1] and "a head of more than" in addon.faults[1].message
    assert stage.to_client.startswith(b"HTTP/1.1 502")


def test_a_large_chunk_is_no_head() -> None:
    stage = asked(Planned(attempt()))
    stage.upstream(answer(b"x" * http1._LONGEST_HEAD * 3))
    assert body(stage.to_client).endswith(chunk(b"END") + END)


def test_what_is_told_of_a_head_that_breaks_off_is_cut() -> None:
    addon = Planned(attempt(), http.Response.make(502))
    stage = asked(addon)
    stage.upstream(b"HTTP/1.1 200 OK\r\nx-filler: " + b"x" * 100_000)
    stage.upstream_closes()
    assert addon.faults[1] and len(addon.faults[1].message) < 400
    assert "HTTP/1.1 200 OK" in addon.faults[1].message


@pytest.mark.parametrize("said", [b"x" * 200_000 + b"\r\n\r\n", OK + b"zz" * 100_000 + b"\r\n"])
def test_what_is_told_of_what_is_no_http_is_cut(said: bytes) -> None:
    addon = Planned(attempt(), http.Response.make(502))
    stage = asked(addon)
    stage.upstream(said)
    assert addon.faults[1] and len(addon.faults[1].message) < 400


def test_nothing_is_told_of_a_clients_head_that_breaks_off() -> None:
    stage = Stage(Planned())
    stage.says(POST[:30] + b"authorization: Bearer sk-1")
    stage.leaves()
    assert not [line for line in stage.lines if "sk-1" in line]
