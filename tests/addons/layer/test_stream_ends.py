import pytest
from mitmproxy import flow as mitmproxy_flow
from mitmproxy import http

from converters.errors import Fault
from tests.addons.layer_harness import (
    END,
    OK,
    EditingAddon,
    LayerHarness,
    ScriptedAddon,
    attempt,
    body,
    chunk,
    harness_after_first_chunk,
    harness_after_request,
)

# --- the client leaves ---


def is_left(harness: LayerHarness) -> bool:
    """Both flows have their error, each once and last."""
    sides = [hooks for side in ("client", "attempt") if (hooks := harness.hooks(side))]
    flows = [flow.error for flow in harness.flows]
    return all(
        hooks.count("error") == 1 and hooks[-1] == "error" and "response" not in hooks for hooks in sides
    ) and all(error is not None and "disconnected" in error.msg for error in flows)


def test_a_client_that_leaves_within_a_response_closes_the_upstream_first() -> None:
    addon = ScriptedAddon(attempt())
    harness = harness_after_first_chunk(addon)
    harness.client_disconnects()
    assert is_left(harness)
    assert harness.log.index("close 1") < harness.log.index("attempt error")
    client, upstream = harness.flow("client"), harness.flow("upstream")
    assert upstream.response and upstream.response.raw_content == b"one"
    assert client.response and client.response.raw_content == b"ONE"
    assert not client.live and not upstream.live
    assert addon.answers[0].faults == [Fault("cut", "client disconnected")]


def test_a_client_that_leaves_before_the_response_closes_the_upstream() -> None:
    harness = harness_after_request(ScriptedAddon(attempt(), attempt(2)))
    harness.client_disconnects()
    assert is_left(harness)
    assert "close 1" in harness.log
    assert "connect 2" not in harness.log


def test_what_still_comes_after_the_client_left_finds_nobody() -> None:
    harness = harness_after_first_chunk(ScriptedAddon(attempt()))
    with harness.holding("attempt error"):
        harness.client_disconnects()
        harness.upstream_sends(chunk(b"two") + END)
        harness.fire_timers()
    harness.fire_timers()
    assert is_left(harness)


@pytest.mark.parametrize(
    "blocked",
    [
        "next_attempt",
        "attempt requestheaders",
        "attempt request",
        1,
        "attempt responseheaders",
        "client responseheaders",
    ],
)
def test_a_client_that_leaves_while_we_are_blocked_is_noticed_after(blocked: str | int) -> None:
    harness = LayerHarness(ScriptedAddon(attempt(), attempt(2)))
    with harness.holding(blocked):
        harness.client_sends()
        if isinstance(blocked, str) and blocked.endswith("responseheaders"):
            harness.upstream_sends(OK + chunk(b"one"))
        harness.client_disconnects()
    assert is_left(harness)
    assert "connect 2" not in harness.log
    assert harness.log.count("connect 1") == harness.log.count("close 1")


def test_a_client_that_leaves_between_two_attempts_gets_no_second() -> None:
    harness = LayerHarness(ScriptedAddon(attempt(1), attempt(2)), refused=[1])
    with harness.holding("attempt error"):
        harness.client_sends()
        harness.client_disconnects()
    assert harness.log.count("next_attempt") == 1
    assert harness.hooks("client")[-1] == "error"


def test_a_client_that_leaves_with_the_last_word_had_all_it_wanted() -> None:
    harness = harness_after_request(ScriptedAddon(attempt()))
    harness.upstream_sends(OK + chunk(b"one."))
    harness.client_disconnects()
    assert harness.hooks("client")[-1] == harness.hooks("attempt")[-1] == "response"
    assert harness.flow("client").error is None and harness.flow("upstream").error is None
    assert "close 1" in harness.log


def test_a_client_that_leaves_after_the_end_changes_nothing() -> None:
    harness = harness_after_first_chunk(ScriptedAddon(attempt()))
    with harness.holding("attempt response"):
        harness.upstream_sends(END)
        harness.client_disconnects()
    assert harness.log[-3:] == ["attempt response", "exchange_end", "client response"]
    assert harness.flow("client").error is None


# --- a person stops a flow ---


@pytest.mark.parametrize("entry", ["attempt request", "attempt responseheaders"])
def test_a_stopped_attempt_is_a_failed_one(entry: str) -> None:
    addon = EditingAddon(attempt(), http.Response.make(400), provider_name="acme")
    addon.kill = entry
    harness = harness_after_request(addon)
    if entry != "attempt request":
        harness.upstream_sends(OK)
    assert addon.faults[1] == Fault("bad_request", "acme was stopped in the proxy")
    assert harness.to_client.startswith(b"HTTP/1.1 400")
    error = harness.flow("upstream").error
    assert error and error.msg == mitmproxy_flow.Error.KILLED_MESSAGE
    assert harness.hooks("attempt")[-1] == "error"


def test_an_attempt_stopped_within_a_response_ends_the_stream_cleanly() -> None:
    harness = harness_after_first_chunk(ScriptedAddon(attempt()))
    harness.flow("upstream").kill()
    harness.upstream_sends(chunk(b"two"))
    assert body(harness.to_client) == chunk(b"ONE") + chunk(b"FAILED bad_request") + END
    assert "close 1" in harness.log


def test_a_stopped_client_flow_ends_everything() -> None:
    addon = EditingAddon(attempt(), attempt(2))
    addon.kill = "client responseheaders"
    harness = harness_after_request(addon)
    harness.upstream_sends(OK + chunk(b"one"))
    assert harness.to_client == b""
    assert {"close client", "close 1"} < set(harness.log)
    assert harness.hooks("client")[-1] == harness.hooks("attempt")[-1] == "error"


def test_a_client_flow_stopped_within_a_response_ends_everything() -> None:
    harness = harness_after_first_chunk(ScriptedAddon(attempt()))
    harness.flow("client").kill()
    harness.upstream_sends(chunk(b"two"))
    assert b"TWO" not in harness.to_client
    assert {"close client", "close 1"} < set(harness.log)
    assert harness.hooks("client")[-1] == harness.hooks("attempt")[-1] == "error"
