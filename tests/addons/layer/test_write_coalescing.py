"""What one read brings is converted at once and goes out in one write."""

import itertools

import pytest
from mitmproxy import connection, http
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import HttpLayer

from addons.layer import write_coalescing
from tests.addons.layer_harness import (
    END,
    OK,
    LayerHarness,
    ScriptedAddon,
    attempt,
    chunk,
    chunked_response,
    harness_after_first_chunk,
    harness_after_request,
)


class Writes(LayerHarness):
    """Notes each write to the client by itself."""

    def _execute(self, command: commands.Command) -> None:
        if isinstance(command, commands.SendData) and isinstance(command.connection, connection.Client):
            self.writes = [*getattr(self, "writes", []), command.data]
        super()._execute(command)


def waiting() -> Writes:
    """A harness whose attempt waits for an answer."""
    harness = Writes(ScriptedAddon(attempt()))
    harness.client_sends()
    return harness


class Passing(ScriptedAddon):
    """Lets all pass, in pieces."""

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        assert flow.response
        flow.response.stream = True


def passing() -> Writes:
    """A harness whose request went mitmproxy's own way."""
    harness = Writes(Passing())
    harness.client_sends()
    return harness


def test_chunks_of_one_read_are_converted_as_one() -> None:
    harness = waiting()
    harness.upstream_sends(OK + chunk(b"one"))
    before = len(harness.writes)
    harness.upstream_sends(b"".join(map(chunk, (b"two", b"three", b"four"))))
    assert harness.writes[before:] == [chunk(b"TWOTHREEFOUR")]


def test_chunks_of_one_read_pass_in_one_write() -> None:
    harness = passing()
    harness.upstream_sends(OK + chunk(b"one"), port=80)
    before = len(harness.writes)
    harness.upstream_sends(chunk(b"two") + chunk(b"three"), port=80)
    assert harness.writes[before:] == [chunk(b"two") + chunk(b"three")]


def test_chunks_of_two_reads_are_two_writes() -> None:
    harness = waiting()
    harness.upstream_sends(OK + chunk(b"one"))
    before = len(harness.writes)
    harness.upstream_sends(chunk(b"two"))
    harness.upstream_sends(chunk(b"three"))
    assert harness.writes[before:] == [chunk(b"TWO"), chunk(b"THREE")]


def test_a_large_read_is_not_held_back_to_its_end() -> None:
    harness = passing()
    harness.upstream_sends(OK + chunk(b"one"), port=80)
    before = len(harness.writes)
    pieces = [chunk(b"X" * 1000)] * 64
    harness.upstream_sends(b"".join(pieces), port=80)
    assert b"".join(harness.writes[before:]) == b"".join(pieces)
    assert 2 <= len(harness.writes[before:]) < 10
    assert max(map(len, harness.writes)) < write_coalescing._MAX_HELD_BYTES + 2000


def test_a_hook_between_two_writes_keeps_its_place() -> None:
    harness = harness_after_request(ScriptedAddon(attempt()))
    with harness.holding("client responseheaders"):
        harness.upstream_sends(chunked_response(b"one"))
        assert harness.to_client == b""
    assert harness.to_client.endswith(chunk(b"ONE") + chunk(b"END") + END)


def test_what_goes_to_two_connections_is_not_mixed() -> None:
    harness = harness_after_first_chunk(ScriptedAddon(attempt(1)))
    harness.upstream_sends(chunk(b"two") + END)
    assert harness.to_client.endswith(chunk(b"TWO") + chunk(b"END") + END)
    assert harness.to_upstream.keys() == {1}
    assert b"TWO" not in harness.to_upstream[1]


def test_what_passes_through_is_joined_too() -> None:
    harness = Writes(ScriptedAddon())
    harness.client_sends()
    harness.upstream_sends(chunked_response(b"one", b"two"), port=80)
    (written,) = harness.writes
    assert written.startswith(b"HTTP/1.1 200 OK")
    assert b"onetwo" in written


class Failing(Writes):
    """A connection whose upstream's end raises at the second chunk."""

    def upstream_sends(self, data: bytes, port: int = 1) -> None:
        server = self._server(port)
        end = self._layer.connections[server]
        read = end.child_layer.read_body  # type: ignore[attr-defined]

        def broken(event: events.Event) -> CommandGenerator[None]:
            yield from itertools.islice(read(event), 1)
            raise ZeroDivisionError

        end.child_layer.state = broken  # type: ignore[attr-defined]
        super().upstream_sends(data, port)


def test_what_was_sent_before_something_raised_goes_out_and_nobody_waits() -> None:
    harness = Failing(Passing())
    harness.client_sends()
    LayerHarness.upstream_sends(harness, OK + chunk(b"one"), port=80)
    with pytest.raises(ZeroDivisionError):
        harness.upstream_sends(chunk(b"two") + chunk(b"three"), port=80)
    assert harness.to_client.endswith(chunk(b"two"))
    assert harness.log[-1] == "close client"


def test_what_was_not_converted_yet_when_something_raised_is_read_too() -> None:
    harness = Failing(ScriptedAddon(attempt()))
    harness.client_sends()
    LayerHarness.upstream_sends(harness, OK + chunk(b"one"))
    with pytest.raises(ZeroDivisionError):
        harness.upstream_sends(chunk(b"two") + chunk(b"three"))
    assert harness.to_client.endswith(chunk(b"ONE") + chunk(b"TWO"))
    assert harness.log[-1] == "close client"


def test_without_it_each_piece_is_converted_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HttpLayer, "_handle_event", write_coalescing._handle_event)
    harness = waiting()
    harness.upstream_sends(OK + chunk(b"one") + chunk(b"two"))
    assert harness.to_client.endswith(chunk(b"ONE") + chunk(b"TWO"))
    harness.upstream_sends(chunk(b"three") + END)
    assert harness.to_client.endswith(chunk(b"THREE") + chunk(b"END") + END)
    assert harness.streams == []
