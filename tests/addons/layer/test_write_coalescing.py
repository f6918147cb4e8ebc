"""What one read brings is converted at once and goes out in one write."""

import itertools

import pytest
from mitmproxy import connection, http
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import HttpLayer

from addons.layer import write_coalescing
from tests.addons.stage import END, OK, Planned, Stage, answer, asked, attempt, begun, chunk


class Writes(Stage):
    """Notes each write to the client by itself."""

    def _obey(self, command: commands.Command) -> None:
        if isinstance(command, commands.SendData) and isinstance(command.connection, connection.Client):
            self.writes = [*getattr(self, "writes", []), command.data]
        super()._obey(command)


def waiting() -> Writes:
    """A stage whose attempt waits for an answer."""
    stage = Writes(Planned(attempt()))
    stage.says()
    return stage


class Passing(Planned):
    """Lets all pass, in pieces."""

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        assert flow.response
        flow.response.stream = True


def passing() -> Writes:
    """A stage whose request went mitmproxy's own way."""
    stage = Writes(Passing())
    stage.says()
    return stage


def test_chunks_of_one_read_are_converted_as_one() -> None:
    stage = waiting()
    stage.upstream(OK + chunk(b"one"))
    before = len(stage.writes)
    stage.upstream(b"".join(map(chunk, (b"two", b"three", b"four"))))
    assert stage.writes[before:] == [chunk(b"TWOTHREEFOUR")]


def test_chunks_of_one_read_pass_in_one_write() -> None:
    stage = passing()
    stage.upstream(OK + chunk(b"one"), port=80)
    before = len(stage.writes)
    stage.upstream(chunk(b"two") + chunk(b"three"), port=80)
    assert stage.writes[before:] == [chunk(b"two") + chunk(b"three")]


def test_chunks_of_two_reads_are_two_writes() -> None:
    stage = waiting()
    stage.upstream(OK + chunk(b"one"))
    before = len(stage.writes)
    stage.upstream(chunk(b"two"))
    stage.upstream(chunk(b"three"))
    assert stage.writes[before:] == [chunk(b"TWO"), chunk(b"THREE")]


def test_a_large_read_is_not_held_back_to_its_end() -> None:
    stage = passing()
    stage.upstream(OK + chunk(b"one"), port=80)
    before = len(stage.writes)
    pieces = [chunk(b"X" * 1000)] * 64
    stage.upstream(b"".join(pieces), port=80)
    assert b"".join(stage.writes[before:]) == b"".join(pieces)
    assert 2 <= len(stage.writes[before:]) < 10
    assert max(map(len, stage.writes)) < write_coalescing._MOST_HELD + 2000


def test_a_hook_between_two_writes_keeps_its_place() -> None:
    stage = asked(Planned(attempt()))
    with stage.holding("client responseheaders"):
        stage.upstream(answer(b"one"))
        assert stage.to_client == b""
    assert stage.to_client.endswith(chunk(b"ONE") + chunk(b"END") + END)


def test_what_goes_to_two_connections_is_not_mixed() -> None:
    stage = begun(Planned(attempt(1)))
    stage.upstream(chunk(b"two") + END)
    assert stage.to_client.endswith(chunk(b"TWO") + chunk(b"END") + END)
    assert stage.to_upstream.keys() == {1}
    assert b"TWO" not in stage.to_upstream[1]


def test_what_passes_through_is_joined_too() -> None:
    stage = Writes(Planned())
    stage.says()
    stage.upstream(answer(b"one", b"two"), port=80)
    (written,) = stage.writes
    assert written.startswith(b"HTTP/1.1 200 OK")
    assert b"onetwo" in written


class Failing(Writes):
    """A connection whose upstream's end raises at the second chunk."""

    def upstream(self, data: bytes, port: int = 1) -> None:
        server = self._server(port)
        end = self._layer.connections[server]
        read = end.child_layer.read_body  # type: ignore[attr-defined]

        def broken(event: events.Event) -> CommandGenerator[None]:
            yield from itertools.islice(read(event), 1)
            raise ZeroDivisionError

        end.child_layer.state = broken  # type: ignore[attr-defined]
        super().upstream(data, port)


def test_what_was_said_before_something_raised_goes_out_and_nobody_waits() -> None:
    stage = Failing(Passing())
    stage.says()
    Stage.upstream(stage, OK + chunk(b"one"), port=80)
    with pytest.raises(ZeroDivisionError):
        stage.upstream(chunk(b"two") + chunk(b"three"), port=80)
    assert stage.to_client.endswith(chunk(b"two"))
    assert stage.log[-1] == "close client"


def test_what_was_not_converted_yet_when_something_raised_is_read_too() -> None:
    stage = Failing(Planned(attempt()))
    stage.says()
    Stage.upstream(stage, OK + chunk(b"one"))
    with pytest.raises(ZeroDivisionError):
        stage.upstream(chunk(b"two") + chunk(b"three"))
    assert stage.to_client.endswith(chunk(b"ONE") + chunk(b"TWO"))
    assert stage.log[-1] == "close client"


def test_without_it_each_piece_is_converted_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HttpLayer, "_handle_event", write_coalescing._handle_event)
    stage = waiting()
    stage.upstream(OK + chunk(b"one") + chunk(b"two"))
    assert stage.to_client.endswith(chunk(b"ONE") + chunk(b"TWO"))
    stage.upstream(chunk(b"three") + END)
    assert stage.to_client.endswith(chunk(b"THREE") + chunk(b"END") + END)
    assert stage.streams == []
