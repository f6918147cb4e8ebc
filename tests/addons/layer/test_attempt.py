import gzip

import pytest

from addons.compression import Undecodable
from addons.conversion import EXCHANGE, SIDE, Conversion
from addons.layer.attempt import Attempt, TooLarge
from converters.errors import Fault
from tests.addons.stage import Loud, attempt


def make(**settings: object) -> Attempt:
    conversion = Conversion(attempt())
    for name, value in settings.items():
        setattr(conversion, name, value)
    return Attempt(attempt(), Loud(), conversion, -1)


def test_it_is_entered_in_the_books() -> None:
    one = make()
    one.start()
    assert one.conversion.attempts == [one.flow]
    assert one.flow.metadata == {EXCHANGE: one.conversion.flow.id, SIDE: "upstream"}
    assert one.flow.live


def test_credentials_replace_the_placeholder_on_a_copy() -> None:
    one = make(credentials={"Authorization": "Bearer sk-1"})
    assert one.on_the_wire(keep_alive=True).headers.get_all("authorization") == ["Bearer sk-1"]
    assert one.flow.request.headers["authorization"] == "Bearer <key>"


def test_an_address_names_the_host_unless_a_header_does() -> None:
    one = make()
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
    assert make(who="acme").fault("cut", "broke off") == Fault("cut", "acme broke off")


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
