"""Whatever raises, and whenever a client leaves: one end each, nothing raised, nothing left behind."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from mitmproxy import http

from addons.layer import last_resort
from converters.errors import ClientResponse
from tests.addons.layer.test_http2 import Peer
from tests.addons.layer_harness import (
    END,
    OK,
    POST,
    LayerHarness,
    ScriptedAddon,
    UppercaseConverter,
    attempt,
    body,
    chunk,
    chunked_response,
    refusal,
)

QUIET = "the proxy failed at this request (ZeroDivisionError); its log says where"

PRIVATE = "a private request"


class Broken(UppercaseConverter):
    """Raises at one of its methods."""

    def __init__(self, where: str, *, stream: bool = True) -> None:
        super().__init__(stream=stream)
        self.where = where

    def _maybe(self, where: str) -> None:
        if where == self.where:
            raise ZeroDivisionError(PRIVATE)

    def feed(self, data: bytes) -> list[bytes]:
        self._maybe("feed again" if self.received else "feed")
        return super().feed(data)

    def close(self) -> list[bytes]:
        self._maybe("close")
        return super().close()

    def fail(self, fault: Any) -> list[bytes]:
        self._maybe("fail")
        return super().fail(fault)

    def whole(self) -> ClientResponse:
        self._maybe("whole")
        return super().whole()

    def keepalive(self) -> list[bytes]:
        self._maybe("keepalive")
        return super().keepalive()


def upstream_cut(harness: LayerHarness) -> None:
    harness.upstream_sends(OK + chunk(b"one"))
    harness.upstream_closes()


def upstream_waits(harness: LayerHarness) -> None:
    harness.upstream_sends(OK + chunk(b"one"))
    harness.fire_timers()


def upstream_goes_on(harness: LayerHarness) -> None:
    harness.upstream_sends(OK + chunk(b"one"))
    harness.upstream_sends(chunk(b"two"))


BEGUN = [("feed again", upstream_goes_on), ("fail", upstream_cut), ("keepalive", upstream_waits)]


@pytest.mark.parametrize(("where", "play"), BEGUN)
def test_a_stream_that_has_begun_gets_one_terminal_event(where: str, play: Callable[[LayerHarness], None]) -> None:
    harness = LayerHarness(ScriptedAddon(attempt(), answer=lambda: Broken(where), quiet=0.0))
    harness.client_sends()
    play(harness)
    response = body(harness.to_client)
    assert response.startswith(chunk(b"ONE")) and response.endswith(END)
    assert response.count(b"event: response.failed") == 1
    assert QUIET.encode() in response
    assert harness.hooks("client")[-1] == harness.hooks("attempt")[-1] == "error"
    assert b"response.failed" in (harness.flow("client").response.raw_content or b"")  # type: ignore[union-attr]
    assert harness.streams == []


@pytest.mark.parametrize(("where", "stream"), [("feed", True), ("close", True), ("close", False), ("whole", False)])
def test_a_client_that_has_read_nothing_gets_an_error_answer(where: str, stream: bool) -> None:
    harness = LayerHarness(ScriptedAddon(attempt(), answer=lambda: Broken(where, stream=stream)))
    harness.client_sends()
    harness.upstream_sends(chunked_response(b"-" if where == "close" else b"one"))
    assert harness.to_client.startswith(b"HTTP/1.1 500")
    assert json.loads(body(harness.to_client))["error"]["message"] == QUIET
    assert harness.streams == []


def test_the_connection_serves_the_next_exchange() -> None:
    broken = iter([Broken("close"), UppercaseConverter()])
    harness = LayerHarness(ScriptedAddon(attempt(), attempt(), answer=lambda: next(broken)))
    harness.client_sends()
    harness.upstream_sends(chunked_response(b"-"))
    harness.client_sends()
    harness.upstream_sends(chunked_response(b"two"))
    assert harness.to_client.endswith(chunk(b"TWO") + chunk(b"END") + END)


def test_codex_gets_a_status_so_that_it_does_not_try_again() -> None:
    harness = LayerHarness(ScriptedAddon(attempt(), answer=lambda: Broken("feed")))
    harness.client_sends(POST.replace(b"host:", b"originator: codex_exec\r\nhost:"))
    harness.upstream_sends(chunked_response(b"one"))
    assert harness.to_client.startswith(b"HTTP/1.1 400")
    assert b'"code":"invalid_prompt"' in harness.to_client


def test_the_log_says_where_and_quotes_nobody(caplog: pytest.LogCaptureFixture) -> None:
    harness = LayerHarness(ScriptedAddon(attempt(), answer=lambda: Broken("feed")))
    harness.client_sends()
    harness.upstream_sends(chunked_response(b"one"))
    assert QUIET in caplog.text and "in _maybe" in caplog.text
    assert PRIVATE not in caplog.text


def test_an_upstream_is_not_read_any_longer() -> None:
    harness = LayerHarness(ScriptedAddon(attempt(), answer=lambda: Broken("feed")))
    harness.client_sends()
    harness.upstream_sends(OK + chunk(b"one"))
    assert "close 1" in harness.log


def test_a_bug_before_there_is_a_flow_closes_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(last_resort.SafeStream, "state_wait_for_request_headers", broken)
    harness = LayerHarness(ScriptedAddon())
    harness.client_sends()
    assert "close client" in harness.log


# --- a client that leaves, whatever is slow ---

ALL_HOOKS = [
    *("client requestheaders", "client request", "next_attempt", "client responseheaders", "client response"),
    *("attempt requestheaders", "attempt request", "attempt responseheaders", "attempt response", "attempt error"),
    *("client error", "attempt_end", "exchange_end"),
]


def plain(harness: LayerHarness) -> None:
    harness.upstream_sends(chunked_response(b"one"))


def cut_in_the_middle(harness: LayerHarness) -> None:
    harness.upstream_sends(OK + chunk(b"one"))
    harness.upstream_closes()


def cut_before(harness: LayerHarness) -> None:
    harness.upstream_closes()


def refused(harness: LayerHarness) -> None:
    harness.upstream_sends(refusal())


def undecodable(harness: LayerHarness) -> None:
    harness.upstream_sends(b"HTTP/1.1 200 OK\r\ncontent-encoding: rot13\r\ncontent-length: 1\r\n\r\nx")


def raising(harness: LayerHarness) -> None:
    harness.upstream_sends(chunked_response(b"boom"))


class Explosive(UppercaseConverter):
    def feed(self, data: bytes) -> list[bytes]:
        if data == b"boom":
            raise ZeroDivisionError
        return super().feed(data)


@pytest.mark.parametrize("slow", ALL_HOOKS)
@pytest.mark.parametrize("play", [plain, cut_in_the_middle, cut_before, refused, undecodable, raising])
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("passes", [False, True])
@pytest.mark.parametrize("way", ["http1", "http1 with a key", "http2", "http2 connection"])
def test_a_client_may_leave_while_any_hook_is_slow(
    slow: str, play: Callable[[LayerHarness], None], *, stream: bool, passes: bool, way: str
) -> None:
    steps = () if passes else (attempt(1), http.Response.make(502))
    addon = ScriptedAddon(*steps, answer=lambda: Explosive(stream=stream))
    harness, peer = LayerHarness(addon, alpn=b"h2" if "http2" in way else None), Peer(client=True)
    request = POST.replace(b"host:", b"authorization: Bearer sk-1\r\nhost:") if "key" in way else POST
    with harness.holding(slow):
        harness.client_sends(peer.ask(1) if "http2" in way else request)
        if "connect 1" in harness.log and not passes:
            play(harness)
        elif passes and "connect 80" in harness.log:
            harness.upstream_sends(chunked_response(b"one"), 80)
        if way == "http2":
            peer.h2.reset_stream(1)
            harness.client_sends(peer.send())
        else:
            harness.client_disconnects()
    harness.fire_timers()
    assert harness.streams == []
    assert all(not flow.live for flow in harness.flows)
    tried = len({id(exchange.flow) for exchange in addon.exchanges if not exchange.pass_through})
    assert harness.log.count("exchange_end") == tried
    assert harness.log.count("attempt_end") == len(harness.flows) - 1
    ends = [[hook for hook in harness.hooks(side) if hook in ("response", "error")] for side in ("client", "attempt")]
    assert [len(found) for found in ends if found] == [1] * len([found for found in ends if found])


@pytest.mark.parametrize("credentials", [False, True])
@pytest.mark.parametrize("passes", [False, True])
def test_debugging_mitmproxy_changes_nothing(*, passes: bool, credentials: bool) -> None:
    harness = LayerHarness(ScriptedAddon(*(() if passes else (attempt(),))), set_options={"proxy_debug": True})
    harness.client_sends(POST.replace(b"host:", b"authorization: Bearer sk-1\r\nhost:") if credentials else POST)
    harness.upstream_sends(chunked_response(b"one"), 80 if passes else 1)
    assert body(harness.to_client).endswith(END)
    assert harness.streams == []
