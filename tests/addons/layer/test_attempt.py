import base64
import gzip

import pytest
from mitmproxy import http

from addons.exchange.content_encoding import Undecodable
from addons.exchange.exchange import Exchange
from addons.exchange.flow_metadata import EXCHANGE, SIDE
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


def test_it_is_entered_in_the_books() -> None:
    one = make()
    one.start()
    assert one.exchange.attempts == [one.record]
    assert one.flow.metadata == {EXCHANGE: one.exchange.flow.id, SIDE: "upstream"}
    assert one.flow.live


def test_credentials_replace_the_placeholder_on_a_copy() -> None:
    one = started(credentials={"Authorization": "Bearer sk-1"})
    assert one.on_the_wire(keep_alive=True).headers.get_all("authorization") == ["Bearer sk-1"]
    assert one.flow.request.headers["authorization"] == "Bearer <withheld>"


def test_a_credential_that_a_user_edited_or_removed_stays_so() -> None:
    one = started(credentials={"authorization": "Bearer sk-1", "x-api-token": "t0ken"})
    one.flow.request.headers["authorization"] = "Bearer mine"
    del one.flow.request.headers["x-api-token"]
    sent = one.on_the_wire(keep_alive=True).headers
    assert sent["authorization"] == "Bearer mine"
    assert "x-api-token" not in sent


@pytest.mark.parametrize(
    ("part", "elsewhere"), [("host", "evil"), ("port", 2), ("scheme", "https"), ("host_header", "evil")]
)
def test_credentials_go_nowhere_but_where_they_were_meant_for(part: str, elsewhere: object) -> None:
    one = started(credentials={"authorization": "Bearer sk-1"})
    setattr(one.flow.request, part, elsewhere)
    sent = one.on_the_wire(keep_alive=True).headers
    assert "authorization" not in sent


KEY = "sk-1234567890-abcdefghij"  # pragma: allowlist secret


def heard(*pieces: bytes, status: int = 200, encoding: str = "") -> RunningAttempt:
    """An attempt that got this answer, to its end."""
    one = started(credentials={"authorization": f"Bearer {KEY}"})
    headers = {"x-seen": f"[{KEY}]"} | ({"content-encoding": encoding} if encoding else {})
    response = http.Response.make(status, b"", headers)
    response.reason = f"no {KEY}"
    one.flow.response = one.read_head(response)
    one.receive_trailers(http.Headers([(b"x-end", KEY.encode())]))
    if status == 200:
        one.open_answer(encoding)
    for piece in pieces:
        one.receive(piece)
    one.flush()
    return one


@pytest.mark.parametrize("cut", [1, 2, 7, 25, 100])
def test_an_answer_that_repeats_the_key_is_told_and_kept_without_it(cut: int) -> None:
    body = f"data: you sent {KEY}, or {base64.b64encode(KEY.encode()).decode()} sk-12".encode()
    one = heard(*(body[start : start + cut] for start in range(0, len(body), cut)))
    (told,) = one.read()
    one.end()
    assert one.flow.response and one.flow.response.raw_content
    kept = one.flow.response.raw_content
    assert told == kept.replace(b"-", b"").upper()
    assert kept.startswith(b"data: you sent ************************, or ****") and kept.endswith(b"** sk-12")
    assert len(kept) == len(body)
    assert one.flow.response.headers["x-seen"] == "[************************]"
    assert one.flow.response.reason == "no ************************"
    assert one.flow.response.trailers and one.flow.response.trailers["x-end"] == "************************"


def test_what_is_no_key_waits_for_nobody() -> None:
    one = started(credentials={"authorization": f"Bearer {KEY}"})
    one.receive(b"data: sk-1 or sk-\n")
    assert one.read() == [b"DATA: SK1 OR SK\n"]


@pytest.mark.parametrize("status", [200, 401])
def test_an_encoded_answer_is_kept_without_the_key_too(status: int) -> None:
    one = heard(gzip.compress(f"no {KEY} here".encode()), status=status, encoding="gzip")
    one.end()
    assert one.flow.response and one.flow.response.content == b"no ************************ here"


def test_an_encoded_answer_without_the_key_is_kept_as_it_came() -> None:
    packed = gzip.compress(b"hello")
    one = heard(packed, encoding="gzip")
    one.end()
    assert one.flow.response and one.flow.response.raw_content == packed


def test_an_error_is_freed_from_a_short_key_and_an_answer_is_left_as_it_is() -> None:
    for status, kept in ((200, b"the word lm-studio"), (400, b"the word *********")):
        one = started(credentials={"x-api-key": "lm-studio"})
        one.flow.response = one.read_head(http.Response.make(status))
        one.receive(b"the word lm-studio")
        one.end()
        assert one.flow.response.raw_content == kept


def test_an_address_names_the_host_unless_a_header_does() -> None:
    one = started()
    assert one.flow.request.headers["host"] == "upstream:1"
    assert one.on_the_wire(keep_alive=True).headers["host"] == "upstream:1"
    one.flow.request.headers["host"] = "elsewhere"
    assert one.on_the_wire(keep_alive=True).headers["host"] == "elsewhere"


def test_what_was_asked_over_http2_is_sent_as_http1() -> None:
    one = make()
    one.flow.request.http_version, one.flow.request.authority = "HTTP/2.0", "proxy"
    sent = one.on_the_wire(keep_alive=True)
    assert (sent.http_version, sent.authority) == ("HTTP/1.1", "")


def test_a_connection_that_is_not_kept_is_said_to_close() -> None:
    assert "connection" not in make().on_the_wire(keep_alive=True).headers
    assert make().on_the_wire(keep_alive=False).headers["connection"] == "close"


def test_a_request_without_body_has_no_length() -> None:
    one = make()
    one.flow.request.raw_content = b""
    assert "content-length" not in one.on_the_wire(keep_alive=True).headers


def test_it_keeps_what_came_and_gives_what_it_means() -> None:
    one, packed = make(), gzip.compress(b"hello")
    one.open_answer("gzip")
    one.receive(packed[:15])
    one.receive(packed[15:])
    assert one.raw == packed
    assert one.read() == [b"HELLO"]
    assert one.read() == []


def test_an_encoding_that_nobody_knows_is_refused() -> None:
    with pytest.raises(Undecodable, match="rot13"):
        make().open_answer("rot13")


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_an_answer_is_read_to_its_limit(encoding: str) -> None:
    one = make()
    one.limit = 1000
    one.open_answer(encoding)
    one.receive(gzip.compress(bytes(1000)) if encoding else bytes(1000))
    with pytest.raises(TooLarge, match="an answer of more than"):
        one.receive(gzip.compress(bytes(1)) if encoding else bytes(1))


def test_what_says_something_is_progress() -> None:
    one = make(progress=60.0)
    one.clock.connected()
    one.clock._progress_since -= 30
    one.receive(b"-")
    one.read()
    assert one.clock.left < 31
    one.receive(b"x")
    one.read()
    assert one.clock.left > 59


def test_a_fault_names_who_it_was() -> None:
    assert make(provider_name="acme").fault("cut", "broke off") == Fault("cut", "acme broke off")


def test_an_end_without_answer_has_an_error_alone() -> None:
    one = make()
    one.end("refused")
    assert one.flow.response is None
    assert one.flow.error and one.flow.error.msg == "refused"


def test_who_killed_a_flow_said_why_it_ended() -> None:
    one = make()
    one.start()
    one.flow.kill()
    one.end("was stopped")
    assert one.flow.error and one.flow.error.msg == "Connection killed."
