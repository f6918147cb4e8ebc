"""A request that is too large is answered while it comes, and what still comes is thrown away."""

import pytest
from mitmproxy import http

from addons.exchange.flow_metadata import WHOLE
from tests.addons.layer.test_http2 import REQUEST, Peer
from tests.addons.stage import END, Planned, Stage, answer, attempt, body, chunk

HEAD = b"POST /v1/responses HTTP/1.1\r\nhost: proxy\r\n"
DECLARED = HEAD + b"content-length: 500000000\r\n\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
LIMIT = 10_000


class Limiting(Planned):
    """Takes so much of each request, as our addon does of questions; `early` is what another one answers at once."""

    early: http.Response | None = None

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        flow.metadata[WHOLE] = LIMIT
        flow.response = self.early


def refused(stage: Stage) -> dict[str, bytes]:
    """The headers of a refusal in our form."""
    head, _, said = stage.to_client.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    assert status.split()[1] == b"413"
    assert said.startswith(b'{"error":{"message":"the request is larger than ')
    return {name.decode().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}


def test_a_declared_size_is_refused_at_once() -> None:
    stage = Stage(Limiting(attempt()))
    stage.says(DECLARED)
    assert refused(stage)["connection"] == b"close"
    assert stage.log == ["client requestheaders", "exchange_end", "client responseheaders", "client response"]
    assert "close client" not in stage.log, "else the answer would be lost with it"


def test_a_client_that_waits_for_leave_gets_none() -> None:
    stage = Stage(Limiting(attempt()))
    stage.says(DECLARED.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n"))
    refused(stage)


def test_a_client_that_waits_for_leave_gets_it() -> None:
    stage = Stage(Limiting(attempt()))
    stage.says(HEAD + b"content-length: 5\r\nexpect: 100-continue\r\n\r\n")
    assert stage.to_client.startswith(b"HTTP/1.1 100 ")
    stage.says(b"hello")
    stage.upstream(answer(b"one"))
    assert stage.to_client.endswith(chunk(b"ONE") + chunk(b"END") + END)


def test_a_body_without_end_is_refused_at_the_limit() -> None:
    stage = Stage(Limiting(attempt()))
    stage.says(CHUNKED + chunk(bytes(LIMIT)))
    assert stage.to_client == b""
    stage.says(chunk(b"x"))
    refused(stage)


def test_what_still_comes_is_thrown_away() -> None:
    stage = Stage(Limiting(attempt()))
    stage.says(CHUNKED + chunk(bytes(LIMIT + 1)))
    told = stage.to_client
    for _ in range(50):
        stage.says(chunk(bytes(LIMIT)))
    assert stage.to_client == told
    assert stage.flow("client").request.raw_content is None
    assert stage.hooks("client").count("response") == 1
    stage.says(END)
    assert stage.log[-1] == "close client"
    stage.wake()
    assert stage.log.count("close client") == 1


def test_what_comes_while_a_hook_is_slow_is_thrown_away() -> None:
    stage = Stage(Limiting(attempt()))
    with stage.holding("client response"):
        stage.says(CHUNKED + chunk(bytes(LIMIT + 1)))
        stage.says(chunk(bytes(LIMIT)) * 20)
        (stream,) = stage.streams
        assert not stream._paused_event_queue
    refused(stage)


@pytest.mark.parametrize("slow", ["client responseheaders", "client response", "client requestheaders"])
def test_a_client_that_leaves_after_all_is_let_go(slow: str) -> None:
    stage = Stage(Limiting(attempt()))
    with stage.holding(slow):
        stage.says(DECLARED)
        stage.leaves()
    assert "close client" in stage.log
    assert stage.streams == []
    stage.wake()


def test_a_client_that_never_stops_is_closed() -> None:
    stage = Stage(Limiting(attempt()))
    stage.says(DECLARED)
    stage.wake()
    assert stage.log[-1] == "close client"
    assert stage.streams == []


def test_an_addons_own_answer_does_not_wait_for_a_large_body() -> None:
    addon = Limiting(attempt())
    addon.early = http.Response.make(401, b"who are you?")
    stage = Stage(addon)
    stage.says(DECLARED)
    assert stage.to_client.startswith(b"HTTP/1.1 401")
    assert stage.to_client.endswith(b"who are you?")


def test_an_addons_own_answer_waits_for_a_small_body() -> None:
    addon = Limiting(attempt())
    addon.early = http.Response.make(401, b"who are you?")
    stage = Stage(addon)
    stage.says(HEAD + b"content-length: 5\r\n\r\n")
    assert stage.to_client == b""
    stage.says(b"hello")
    stage.says(HEAD + b"content-length: 5\r\n\r\nhello")
    assert stage.to_client.count(b"who are you?") == 2


@pytest.mark.parametrize("start", [DECLARED, CHUNKED + chunk(bytes(2000))])
def test_what_passes_through_has_mitmproxys_limit_and_our_form(start: bytes) -> None:
    stage = Stage(Planned(), set_options={"body_size_limit": "1k"})
    stage.says(start)
    refused(stage)


def test_codex_is_told_so_that_it_does_not_try_again() -> None:
    stage = Stage(Limiting(attempt()))
    stage.says(DECLARED.replace(b"host:", b"originator: codex_exec\r\nhost:"))
    assert stage.to_client.startswith(b"HTTP/1.1 400")
    assert b'"code":"invalid_prompt"' in stage.to_client


def test_an_answer_that_is_too_large_to_pass_is_refused_in_our_form() -> None:
    stage = Stage(Planned(), set_options={"body_size_limit": "1k"})
    stage.says()
    stage.upstream(answer(bytes(3000)), port=80)
    assert stage.to_client.startswith(b"HTTP/1.1 502")
    assert body(stage.to_client).startswith(b'{"error":{"message":"Response body exceeds')


def test_a_large_http2_request_is_one_refused_stream() -> None:
    stage, codex = Stage(Limiting(attempt()), alpn=b"h2"), Peer(client=True)
    codex.h2.send_headers(1, REQUEST)
    for _ in range(3):
        codex.h2.send_data(1, bytes(LIMIT))
    stage.says(codex.send())
    codex.read(stage.to_client)
    assert codex.data().startswith(b'{"error":{"message":"the request is larger')
    stage.says(codex.ask(3))
    assert stage.log.count("next_attempt") == 1
    stage.wake()
    assert {stream.stream_id for stream in stage.streams} == {3}
