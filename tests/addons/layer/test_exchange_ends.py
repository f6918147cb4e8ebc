"""Whatever happens in the layer, each attempt and the exchange have one end each."""

from mitmproxy import http

from converters.errors import Fault
from tests.addons.stage import END, OK, Editor, Planned, answer, asked, attempt, begun, chunk


def test_each_attempt_has_its_end_before_the_next_begins() -> None:
    addon = Planned(attempt(1), attempt(2))
    stage = asked(addon, refused=[1])
    stage.upstream(answer(b"two"), port=2)
    assert addon.ends == [
        ("failed", Fault("unreachable", "the upstream is out of reach: refused")),
        ("answered", None),
        ("answered", None),
    ]
    ends = [entry for entry in stage.log if entry.endswith(("_end", "next_attempt"))]
    assert ends == ["next_attempt", "attempt_end", "next_attempt", "attempt_end", "exchange_end"]


def test_a_client_that_leaves_is_no_fault() -> None:
    addon = Planned(attempt())
    begun(addon).leaves()
    assert addon.ends == [("client_left", None)] * 2


def test_a_flow_that_a_person_stops_is_killed() -> None:
    addon = Planned(attempt())
    stage = begun(addon)
    stage.flow("client").kill()
    stage.upstream(chunk(b"two"))
    assert [outcome for outcome, _ in addon.ends] == ["killed", "killed"]


def test_an_attempt_that_a_person_stops_fails_the_exchange() -> None:
    addon = Editor(attempt(), http.Response.make(400))
    addon.kill = "attempt request"
    asked(addon)
    assert [outcome for outcome, _ in addon.ends] == ["killed", "failed"]


def test_a_break_in_mid_answer_is_told_once_on_each_side() -> None:
    addon = Planned(attempt())
    stage = begun(addon)
    stage.upstream_closes()
    (outcome, fault), exchange = addon.ends
    assert outcome == "failed" and fault and fault.kind == "cut"
    assert exchange == (outcome, fault)


def test_an_end_comes_before_the_last_hook_of_its_flow() -> None:
    stage = asked(Planned(attempt()))
    stage.upstream(OK + chunk(b"one") + END)
    assert stage.log[-4:] == ["attempt_end", "attempt response", "exchange_end", "client response"]
