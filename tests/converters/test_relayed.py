"""Responses upstreams: what passes, and what is told where their end does not come."""

import pytest

from converters import jsontext
from converters.conversion import load
from tests import referee
from tests.converters.conversions import opened, replay, request_body


def test_a_relay_passes_bytes_as_they_are() -> None:
    raw = load(b'{"model":"alias","input":"hi","stream":true}')
    conversion = opened("responses", raw)
    assert jsontext.loads(conversion.body) == {**raw, "model": "model-x"}
    stream = b'event: response.completed\ndata: {"type":"response.completed","response":{"id":"resp_1"}}\n\n'
    assert replay(conversion, [stream[:30], stream[30:]]) == stream


def test_a_relay_says_so_when_the_end_does_not_come() -> None:
    stream = replay(opened("responses"), [b'data: {"type":"response.created","response":{}}\n\ndata: {"ty'])
    assert b'"response.failed"' in stream
    assert stream.count(b"response.failed") == 2  # its event line, and its type


def test_a_relay_makes_an_end_of_an_error_that_has_none() -> None:
    """Codex passes over an `error` event."""
    error = b'event: error\ndata: {"type":"error","code":"rate_limit_exceeded","message":"too fast"}\n\n'
    *_, last = referee.read(replay(opened("responses"), [error]))
    assert last["type"] == "response.failed"
    assert last["response"]["error"]["code"] == "rate_limit_exceeded"
    assert "too fast" in last["response"]["error"]["message"]


def test_a_relay_gives_the_last_event_its_blank_line() -> None:
    """Codex drops an event without one."""
    stream = b'data: {"type":"response.completed","response":{"id":"resp_1"}}'
    assert replay(opened("responses"), [stream]) == stream + b"\n\n"


def test_a_relay_hands_on_errors_and_whole_answers() -> None:
    raw = request_body(stream=False)
    conversion = opened("responses", raw)
    assert replay(conversion, [b'{"id":', b'"resp_1"}']) == b""
    assert conversion.whole().body == b'{"id":"resp_1"}'
    conversion.refused(429, {"Retry-After": "3", "Set-Cookie": "a=b"}, b"{}")
    response = conversion.whole()
    assert (response.status, response.headers) == (429, {"Retry-After": "3"})


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (429, {"Retry-After": "1.5"}, {"Retry-After": "2"}),
        (429, {"retry-after-ms": "2500"}, {"retry-after": "3"}),
        (429, {"retry-after": "-5"}, {}),
        (429, {"retry-after": "soon"}, {}),
        (429, {"x-ratelimit-reset-tokens": "6m0s"}, {"retry-after": "360"}),
        (503, {"Retry-After": "4"}, {"Retry-After": "4"}),
        (400, {"retry-after-ms": "2500"}, {}),
    ],
)
def test_a_relay_tells_a_wait_as_every_client_reads_it(
    status: int, headers: dict[str, str], wait: dict[str, str]
) -> None:
    conversion = opened("responses")
    conversion.refused(status, headers, b"{}")
    assert (conversion.whole().status, conversion.whole().headers) == (status, wait)


@pytest.mark.parametrize("status", [302, 407, 999])
def test_a_relay_keeps_what_is_said_to_a_proxy_alone(status: int) -> None:
    conversion = opened("responses", client="other")
    conversion.refused(status, {"Location": "https://login.example.com"}, b"")
    response = conversion.whole()
    assert (response.status, response.headers) == (502, {"content-type": "application/json"})
    assert b"Acme answered %d" % status in response.body


@pytest.mark.parametrize("stream", [True, False])
def test_the_tokens_of_a_relayed_answer_are_its_own(stream: bool) -> None:
    usage = {"input_tokens": 3, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 1}}
    result = {"type": "response.completed", "response": {"id": "resp_1", "output": [], "usage": usage}}
    body = b"data: %b\n\n" % jsontext.dumps(result) if stream else jsontext.dumps(result["response"])
    conversion = opened("responses", request_body(stream=stream))
    replay(conversion, [body])
    assert conversion.usage == usage


def test_a_relayed_answer_that_is_no_json_has_no_tokens() -> None:
    conversion = opened("responses", request_body(stream=False))
    replay(conversion, [b"<html>"])
    assert conversion.usage is None
