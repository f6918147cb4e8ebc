import base64
import gzip
import time
from email.utils import formatdate

import pytest
from mitmproxy import http

from addons.exchange.content_encoding import Undecodable
from addons.exchange.exchange import Exchange
from addons.exchange.flow_metadata import ATTEMPT, EXCHANGE, SIDE
from addons.layer.attempt import RunningAttempt, TooLarge
from converters.errors import Fault
from tests.addons.layer_harness import UppercaseConverter, attempt, planned


def make(**settings: object) -> RunningAttempt:
    return RunningAttempt(
        planned(attempt(), UppercaseConverter(), **{"credentials": {}, **settings}), Exchange(attempt()), -1
    )


def started(**settings: object) -> RunningAttempt:
    running = make(**settings)
    running.start()
    return running


def test_it_is_added_to_its_exchange() -> None:
    running = make()
    running.start()
    assert running.exchange.attempts == [running.record]
    assert running.flow.metadata == {EXCHANGE: running.exchange.flow.id, SIDE: "upstream", ATTEMPT: 1}
    assert running.flow.live


def test_it_knows_when_its_first_byte_and_its_first_content_came() -> None:
    running = started()
    running.receive(b"---")
    running.read()
    assert running.record.first_byte >= running.record.started and not running.record.first_content
    running.receive(b"word")
    running.read()
    first = running.record.first_content
    assert first >= running.record.first_byte
    running.receive(b"word")
    running.read()
    assert running.record.first_content == first


def test_credentials_replace_the_placeholder_on_a_copy() -> None:
    running = started(credentials={"Authorization": "Bearer sk-1"})
    assert running.on_the_wire(keep_alive=True).headers.get_all("authorization") == ["Bearer sk-1"]
    assert running.flow.request.headers["authorization"] == "Bearer <withheld>"


def test_a_credential_that_a_user_edited_or_removed_stays_so() -> None:
    running = started(credentials={"authorization": "Bearer sk-1", "x-api-token": "t0ken"})
    running.flow.request.headers["authorization"] = "Bearer mine"
    del running.flow.request.headers["x-api-token"]
    sent = running.on_the_wire(keep_alive=True).headers
    assert sent["authorization"] == "Bearer mine"
    assert "x-api-token" not in sent


@pytest.mark.parametrize(
    ("part", "elsewhere"), [("host", "evil"), ("port", 2), ("scheme", "https"), ("host_header", "evil")]
)
def test_credentials_go_nowhere_but_where_they_were_meant_for(part: str, elsewhere: object) -> None:
    running = started(credentials={"authorization": "Bearer sk-1"})
    setattr(running.flow.request, part, elsewhere)
    sent = running.on_the_wire(keep_alive=True).headers
    assert "authorization" not in sent


KEY = "sk-1234567890-abcdefghij"  # pragma: allowlist secret


def received(*pieces: bytes, status: int = 200, encoding: str = "") -> RunningAttempt:
    """An attempt that got this answer, to its end."""
    running = started(credentials={"authorization": f"Bearer {KEY}"})
    headers = {"x-seen": f"[{KEY}]"} | ({"content-encoding": encoding} if encoding else {})
    response = http.Response.make(status, b"", headers)
    response.reason = f"no {KEY}"
    running.flow.response = running.read_head(response)
    running.receive_trailers(http.Headers([(b"x-end", KEY.encode())]))
    if status == 200:
        running.open_response(encoding)
    for piece in pieces:
        running.receive(piece)
    running.flush()
    return running


@pytest.mark.parametrize("cut", [1, 2, 7, 25, 100])
def test_a_response_that_repeats_the_key_is_reported_and_kept_without_it(cut: int) -> None:
    body = f"data: you sent {KEY}, or {base64.b64encode(KEY.encode()).decode()} sk-12".encode()
    running = received(*(body[start : start + cut] for start in range(0, len(body), cut)))
    (client_data,) = running.read()
    running.end()
    assert running.flow.response and running.flow.response.raw_content
    kept = running.flow.response.raw_content
    assert client_data == kept.replace(b"-", b"").upper()
    assert kept.startswith(b"data: you sent ************************, or ****") and kept.endswith(b"** sk-12")
    assert len(kept) == len(body)
    assert running.flow.response.headers["x-seen"] == "[************************]"
    assert running.flow.response.reason == "no ************************"
    assert running.flow.response.trailers and running.flow.response.trailers["x-end"] == "************************"


def test_what_is_no_key_waits_for_nobody() -> None:
    running = started(credentials={"authorization": f"Bearer {KEY}"})
    running.receive(b"data: sk-1 or sk-\n")
    assert running.read() == [b"DATA: SK1 OR SK\n"]


@pytest.mark.parametrize("status", [200, 401])
def test_an_encoded_response_is_kept_without_the_key_too(status: int) -> None:
    running = received(gzip.compress(f"no {KEY} here".encode()), status=status, encoding="gzip")
    running.end()
    assert running.flow.response and running.flow.response.content == b"no ************************ here"


def test_an_encoded_response_without_the_key_is_kept_as_it_came() -> None:
    packed = gzip.compress(b"hello")
    running = received(packed, encoding="gzip")
    running.end()
    assert running.flow.response and running.flow.response.raw_content == packed


def test_an_error_is_freed_from_a_short_key_and_a_response_is_left_as_it_is() -> None:
    for status, kept in ((200, b"the word lm-studio"), (400, b"the word *********")):
        running = started(credentials={"x-api-key": "lm-studio"})
        running.flow.response = running.read_head(http.Response.make(status))
        running.receive(b"the word lm-studio")
        running.end()
        assert running.flow.response.raw_content == kept


def test_an_address_names_the_host_unless_a_header_does() -> None:
    running = started()
    assert running.flow.request.headers["host"] == "upstream:1"
    assert running.on_the_wire(keep_alive=True).headers["host"] == "upstream:1"
    running.flow.request.headers["host"] = "elsewhere"
    assert running.on_the_wire(keep_alive=True).headers["host"] == "elsewhere"


def test_what_came_over_http2_is_sent_as_http1() -> None:
    running = make()
    running.flow.request.http_version, running.flow.request.authority = "HTTP/2.0", "proxy"
    sent = running.on_the_wire(keep_alive=True)
    assert (sent.http_version, sent.authority) == ("HTTP/1.1", "")


def test_a_connection_that_is_not_kept_is_marked_to_close() -> None:
    assert "connection" not in make().on_the_wire(keep_alive=True).headers
    assert make().on_the_wire(keep_alive=False).headers["connection"] == "close"


def test_a_request_without_body_has_no_length() -> None:
    running = make()
    running.flow.request.raw_content = b""
    assert "content-length" not in running.on_the_wire(keep_alive=True).headers


def test_it_keeps_what_came_and_gives_what_it_means() -> None:
    running, packed = make(), gzip.compress(b"hello")
    running.open_response("gzip")
    running.receive(packed[:15])
    running.receive(packed[15:])
    assert running.raw == packed
    assert running.read() == [b"HELLO"]
    assert running.read() == []


def test_an_encoding_that_nobody_knows_is_refused() -> None:
    with pytest.raises(Undecodable, match="rot13"):
        make().open_response("rot13")


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_response_is_read_to_its_limit(encoding: str) -> None:
    running = make()
    running.limit = 1000
    running.open_response(encoding)
    running.receive(gzip.compress(bytes(1000)) if encoding else bytes(1000))
    with pytest.raises(TooLarge, match="an answer of more than"):
        running.receive(gzip.compress(bytes(1)) if encoding else bytes(1))


def test_what_says_something_is_progress() -> None:
    running = make(progress=60.0)
    running.clock.connected()
    running.clock._progress_since -= 30
    running.receive(b"-")
    running.read()
    assert running.clock.left < 31
    running.receive(b"x")
    running.read()
    assert running.clock.left > 59


def test_a_fault_names_who_it_was() -> None:
    assert make(provider_name="acme").fault("cut", "broke off") == Fault("cut", "acme broke off")


def test_an_end_without_response_has_an_error_alone() -> None:
    running = make()
    running.end("refused")
    assert running.flow.response is None
    assert running.flow.error and running.flow.error.msg == "refused"


def test_a_killed_flow_keeps_its_reason() -> None:
    running = make()
    running.start()
    running.flow.kill()
    running.end("was stopped")
    assert running.flow.error and running.flow.error.msg == "Connection killed."


@pytest.mark.parametrize(("own", "wait"), [({}, 60), ({"Date": formatdate(1_800_000_040, usegmt=True)}, 20)])
def test_a_date_to_wait_for_is_read_by_the_upstreams_clock_or_else_by_the_present(
    own: dict[str, str], wait: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = started()
    until = formatdate(1_800_000_060, usegmt=True)
    running.flow.response = http.Response.make(429, b"", {"Retry-After": until, **own})
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.9)
    running.end("refused", "refused")
    assert running.record.fault and running.record.fault.retry_after == wait
