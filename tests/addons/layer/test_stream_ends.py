import pytest
from mitmproxy import flow as mitmproxy_flow
from mitmproxy import http

from converters.errors import Fault
from tests.addons.stage import END, OK, Editor, Planned, Stage, asked, attempt, begun, body, chunk

# --- the client leaves ---


def is_left(stage: Stage) -> bool:
    """Both flows have their error, each once and last."""
    sides = [hooks for side in ("client", "attempt") if (hooks := stage.hooks(side))]
    flows = [flow.error for flow in stage.flows]
    return all(
        hooks.count("error") == 1 and hooks[-1] == "error" and "response" not in hooks for hooks in sides
    ) and all(error is not None and "disconnected" in error.msg for error in flows)


def test_a_client_that_leaves_in_mid_answer_closes_the_upstream_first() -> None:
    addon = Planned(attempt())
    stage = begun(addon)
    stage.leaves()
    assert is_left(stage)
    assert stage.log.index("close 1") < stage.log.index("attempt error")
    client, upstream = stage.flow("client"), stage.flow("upstream")
    assert upstream.response and upstream.response.raw_content == b"one"
    assert client.response and client.response.raw_content == b"ONE"
    assert not client.live and not upstream.live
    assert addon.answers[0].faults == [Fault("cut", "client disconnected")]


def test_a_client_that_leaves_before_the_answer_closes_the_upstream() -> None:
    stage = asked(Planned(attempt(), attempt(2)))
    stage.leaves()
    assert is_left(stage)
    assert "close 1" in stage.log
    assert "connect 2" not in stage.log


def test_what_still_comes_after_the_client_left_finds_nobody() -> None:
    stage = begun(Planned(attempt()))
    with stage.holding("attempt error"):
        stage.leaves()
        stage.upstream(chunk(b"two") + END)
        stage.wake()
    stage.wake()
    assert is_left(stage)


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
    stage = Stage(Planned(attempt(), attempt(2)))
    with stage.holding(blocked):
        stage.says()
        if isinstance(blocked, str) and blocked.endswith("responseheaders"):
            stage.upstream(OK + chunk(b"one"))
        stage.leaves()
    assert is_left(stage)
    assert "connect 2" not in stage.log
    assert stage.log.count("connect 1") == stage.log.count("close 1")


def test_a_client_that_leaves_between_two_attempts_gets_no_second() -> None:
    stage = Stage(Planned(attempt(1), attempt(2)), refused=[1])
    with stage.holding("attempt error"):
        stage.says()
        stage.leaves()
    assert stage.log.count("next_attempt") == 1
    assert stage.hooks("client")[-1] == "error"


def test_a_client_that_leaves_with_the_last_word_had_all_it_wanted() -> None:
    stage = asked(Planned(attempt()))
    stage.upstream(OK + chunk(b"one."))
    stage.leaves()
    assert stage.hooks("client")[-1] == stage.hooks("attempt")[-1] == "response"
    assert stage.flow("client").error is None and stage.flow("upstream").error is None
    assert "close 1" in stage.log


def test_a_client_that_leaves_after_the_end_changes_nothing() -> None:
    stage = begun(Planned(attempt()))
    with stage.holding("attempt response"):
        stage.upstream(END)
        stage.leaves()
    assert stage.log[-3:] == ["attempt response", "exchange_end", "client response"]
    assert stage.flow("client").error is None


# --- a person stops a flow ---


@pytest.mark.parametrize("entry", ["attempt request", "attempt responseheaders"])
def test_a_stopped_attempt_is_a_failed_one(entry: str) -> None:
    addon = Editor(attempt(), http.Response.make(400), provider_name="acme")
    addon.kill = entry
    stage = asked(addon)
    if entry != "attempt request":
        stage.upstream(OK)
    assert addon.faults[1] == Fault("bad_request", "acme was stopped in the proxy")
    assert stage.to_client.startswith(b"HTTP/1.1 400")
    error = stage.flow("upstream").error
    assert error and error.msg == mitmproxy_flow.Error.KILLED_MESSAGE
    assert stage.hooks("attempt")[-1] == "error"


def test_an_attempt_stopped_in_mid_answer_ends_the_stream_cleanly() -> None:
    stage = begun(Planned(attempt()))
    stage.flow("upstream").kill()
    stage.upstream(chunk(b"two"))
    assert body(stage.to_client) == chunk(b"ONE") + chunk(b"FAILED bad_request") + END
    assert "close 1" in stage.log


def test_a_stopped_client_flow_ends_everything() -> None:
    addon = Editor(attempt(), attempt(2))
    addon.kill = "client responseheaders"
    stage = asked(addon)
    stage.upstream(OK + chunk(b"one"))
    assert stage.to_client == b""
    assert {"close client", "close 1"} < set(stage.log)
    assert stage.hooks("client")[-1] == stage.hooks("attempt")[-1] == "error"


def test_a_client_flow_stopped_in_mid_answer_ends_everything() -> None:
    stage = begun(Planned(attempt()))
    stage.flow("client").kill()
    stage.upstream(chunk(b"two"))
    assert b"TWO" not in stage.to_client
    assert {"close client", "close 1"} < set(stage.log)
    assert stage.hooks("client")[-1] == stage.hooks("attempt")[-1] == "error"
