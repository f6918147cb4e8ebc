"""HTTP/2 on either side: each attempt is a stream of its own there."""

import h2.config
import h2.connection
import h2.events
import orjson
from mitmproxy import http

from tests.addons.layer_harness import LayerHarness, ScriptedAddon, attempt, body, chunk, chunked_response

REQUEST = [(":method", "POST"), (":scheme", "http"), (":path", "/v1/responses"), (":authority", "proxy")]


class Peer:
    """One end of an HTTP/2 connection."""

    def __init__(self, *, client: bool) -> None:
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=client, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.events: list[h2.events.Event] = []
        self._read = 0

    def send(self) -> bytes:
        return self.h2.data_to_send()

    def read(self, all_so_far: bytes) -> None:
        self.events += self.h2.receive_data(all_so_far[self._read :])
        self._read = len(all_so_far)

    def ask(self, stream_id: int) -> bytes:
        self.h2.send_headers(stream_id, REQUEST)
        self.h2.send_data(stream_id, b"hello", end_stream=True)
        return self.send()

    def reply(self, stream_id: int, status: int, data: bytes) -> bytes:
        self.h2.send_headers(stream_id, [(":status", str(status))])
        self.h2.send_data(stream_id, data, end_stream=True)
        return self.send()

    def data(self) -> bytes:
        return b"".join(event.data or b"" for event in self.events if isinstance(event, h2.events.DataReceived))

    def streams(self, kind: type[h2.events.Event]) -> list[int]:
        return [event.stream_id for event in self.events if isinstance(event, kind)]  # type: ignore[attr-defined]


def test_an_http2_client_reads_its_stream() -> None:
    harness, codex = LayerHarness(ScriptedAddon(attempt()), alpn=b"h2"), Peer(client=True)
    harness.client_sends(codex.ask(1))
    harness.upstream_sends(chunked_response(b"one"))
    codex.read(harness.to_client)
    assert codex.data() == b"ONEEND"
    assert codex.streams(h2.events.StreamEnded) == [1]
    (head,) = [event for event in codex.events if isinstance(event, h2.events.ResponseReceived)]
    assert not {"transfer-encoding", "connection"} & {name for name, _ in head.headers or []}


def test_errors_of_mitmproxy_itself_are_json() -> None:
    harness, codex = LayerHarness(ScriptedAddon(), refused=[80], alpn=b"h2"), Peer(client=True)
    harness.client_sends(codex.ask(1))
    codex.read(harness.to_client)
    (head,) = [event for event in codex.events if isinstance(event, h2.events.ResponseReceived)]
    headers = dict(head.headers or [])
    assert (headers[":status"], headers["content-type"]) == ("502", "application/json")
    assert orjson.loads(codex.data())["error"]["message"]
    assert codex.streams(h2.events.StreamEnded) == [1]


def test_an_http1_connection_that_cannot_be_used_again_is_closed() -> None:
    harness, codex = LayerHarness(ScriptedAddon(attempt()), alpn=b"h2"), Peer(client=True)
    harness.client_sends(codex.ask(1))
    assert b"connection: close" in harness.to_upstream[1]
    harness.upstream_sends(chunked_response(b"one"))
    assert "close 1" in harness.log


def test_one_stream_that_is_reset_leaves_the_others_alone() -> None:
    harness, codex = LayerHarness(ScriptedAddon(attempt(1), attempt(2)), alpn=b"h2"), Peer(client=True)
    harness.client_sends(codex.ask(1) + codex.ask(3))
    codex.h2.reset_stream(1)
    harness.client_sends(codex.send())
    harness.upstream_sends(chunked_response(b"two"), port=2)
    codex.read(harness.to_client)
    assert {"close 1", "attempt error", "client error"} < set(harness.log)
    assert codex.data() == b"TWOEND"
    assert codex.streams(h2.events.StreamEnded) == [3]


def test_two_attempts_on_one_http2_connection_are_two_streams() -> None:
    harness, acme = LayerHarness(ScriptedAddon(attempt(), attempt()), upstream_alpn=b"h2"), Peer(client=False)
    harness.client_sends()
    acme.read(harness.to_upstream[1])
    harness.upstream_sends(acme.reply(1, 429, b"slow down"))
    acme.read(harness.to_upstream[1])
    harness.upstream_sends(acme.reply(3, 200, b"one"))
    assert acme.streams(h2.events.RequestReceived) == [1, 3]
    assert harness.log.count("connect 1") == 1
    assert body(harness.to_client) == chunk(b"ONE") + chunk(b"END") + b"0\r\n\r\n"


def test_an_http2_upstream_sees_that_the_client_left() -> None:
    harness, acme = LayerHarness(ScriptedAddon(attempt()), upstream_alpn=b"h2"), Peer(client=False)
    harness.client_sends()
    acme.read(harness.to_upstream[1])
    harness.client_disconnects()
    acme.read(harness.to_upstream[1])
    assert acme.streams(h2.events.StreamReset) == [1]


def test_an_http2_upstream_that_resets_the_stream_leads_to_the_next_attempt() -> None:
    addon = ScriptedAddon(attempt(), http.Response.make(502))
    harness, acme = LayerHarness(addon, upstream_alpn=b"h2"), Peer(client=False)
    harness.client_sends()
    acme.read(harness.to_upstream[1])
    acme.h2.reset_stream(1)
    harness.upstream_sends(acme.send())
    assert addon.faults[1] and addon.faults[1].kind == "cut"
    assert harness.to_client.startswith(b"HTTP/1.1 502")


def test_trailers_are_kept_with_the_attempt_and_not_passed_on() -> None:
    harness, acme = LayerHarness(ScriptedAddon(attempt()), upstream_alpn=b"h2"), Peer(client=False)
    harness.client_sends()
    acme.read(harness.to_upstream[1])
    acme.h2.send_headers(1, [(":status", "200")])
    acme.h2.send_data(1, b"one")
    acme.h2.send_headers(1, [("x-cost", "3")], end_stream=True)
    harness.upstream_sends(acme.send())
    kept = harness.flow("upstream").response
    assert kept and kept.trailers and kept.trailers["x-cost"] == "3"
    assert b"x-cost" not in harness.to_client
    assert harness.hooks("client")[-1] == "response"
