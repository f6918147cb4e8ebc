"""Whatever happens in the layer, each attempt and the exchange have one end each."""

from mitmproxy import http

from converters.errors import Fault
from tests.addons.layer_harness import (
    END,
    OK,
    EditingAddon,
    ScriptedAddon,
    attempt,
    chunk,
    chunked_response,
    harness_after_first_chunk,
    harness_after_request,
)


def test_each_attempt_has_its_end_before_the_next_begins() -> None:
    addon = ScriptedAddon(attempt(1), attempt(2))
    harness = harness_after_request(addon, refused=[1])
    harness.upstream_sends(chunked_response(b"two"), port=2)
    assert addon.ends == [
        ("failed", Fault("unreachable", "the upstream is out of reach: refused")),
        ("answered", None),
        ("answered", None),
    ]
    ends = [entry for entry in harness.log if entry.endswith(("_end", "next_attempt"))]
    assert ends == ["next_attempt", "attempt_end", "next_attempt", "attempt_end", "exchange_end"]


def test_a_client_that_leaves_is_no_fault() -> None:
    addon = ScriptedAddon(attempt())
    harness_after_first_chunk(addon).client_disconnects()
    assert addon.ends == [("client_left", None)] * 2


def test_a_flow_that_a_person_stops_is_killed() -> None:
    addon = ScriptedAddon(attempt())
    harness = harness_after_first_chunk(addon)
    harness.flow("client").kill()
    harness.upstream_sends(chunk(b"two"))
    assert [outcome for outcome, _ in addon.ends] == ["killed", "killed"]


def test_an_attempt_that_a_person_stops_fails_the_exchange() -> None:
    addon = EditingAddon(attempt(), http.Response.make(400))
    addon.kill = "attempt request"
    harness_after_request(addon)
    assert [outcome for outcome, _ in addon.ends] == ["killed", "failed"]


def test_a_break_within_a_response_is_reported_once_on_each_side() -> None:
    addon = ScriptedAddon(attempt())
    harness = harness_after_first_chunk(addon)
    harness.upstream_closes()
    (outcome, fault), exchange = addon.ends
    assert outcome == "failed" and fault and fault.kind == "cut"
    assert exchange == (outcome, fault)


def test_an_end_comes_before_the_last_hook_of_its_flow() -> None:
    harness = harness_after_request(ScriptedAddon(attempt()))
    harness.upstream_sends(OK + chunk(b"one") + END)
    assert harness.log[-4:] == ["attempt_end", "attempt response", "exchange_end", "client response"]
