"""What time does: an upstream that is silent, a client that waits, a person who takes both's time."""

import time

import pytest
from mitmproxy import http

from addons.layer import attempt_clock, client_stream, timers
from converters.errors import Fault
from tests.addons.layer_harness import (
    END,
    OK,
    LayerHarness,
    ScriptedAddon,
    UppercaseConverter,
    attempt,
    body,
    chunk,
    chunked_response,
    harness_after_first_chunk,
    harness_after_request,
)


def test_one_wakeup_is_outstanding_whatever_comes() -> None:
    harness = harness_after_first_chunk(ScriptedAddon(attempt(), first_byte=60.0, idle=60.0))
    for _ in range(5):
        harness.upstream_sends(chunk(b"more"))
    assert len(harness.wakeups) == 1
    harness.fire_timers()
    assert len(harness.wakeups) == 1
    harness.upstream_sends(END)
    harness.fire_timers()
    assert harness.wakeups == []


def test_no_first_byte_in_time_leads_to_the_next_attempt() -> None:
    addon = ScriptedAddon(attempt(1), http.Response.make(504), first_byte=0.0, provider_name="acme")
    harness = harness_after_request(addon)
    harness.upstream_sends(OK)
    harness.fire_timers()
    assert addon.faults[1] == Fault("timeout", "acme sent nothing for 0 s")
    assert harness.to_client.startswith(b"HTTP/1.1 504")
    assert "close 1" in harness.log


def test_an_upstream_that_falls_silent_ends_the_stream_cleanly() -> None:
    harness = harness_after_first_chunk(ScriptedAddon(attempt(), idle=0.0))
    harness.fire_timers()
    assert body(harness.to_client) == chunk(b"ONE") + chunk(b"FAILED timeout") + END
    assert "close 1" in harness.log
    error = harness.flow("upstream").error
    assert error and "sent nothing" in error.msg


def test_without_limits_an_upstream_may_take_its_time() -> None:
    harness = harness_after_request(ScriptedAddon(attempt(), quiet=0.0))
    harness.fire_timers()
    harness.upstream_sends(chunked_response(b"one"))
    assert body(harness.to_client).endswith(chunk(b"END") + END)


def test_a_client_that_waits_within_a_response_is_kept_alive() -> None:
    harness = harness_after_first_chunk(ScriptedAddon(attempt(), quiet=0.0))
    harness.fire_timers()
    harness.fire_timers()
    assert body(harness.to_client) == chunk(b"ONE") + chunk(b"alive") * 2


def test_no_keepalive_before_the_first_word() -> None:
    harness = harness_after_request(ScriptedAddon(attempt(), quiet=0.0))
    harness.fire_timers()
    harness.upstream_sends(OK + chunk(b"-"))
    harness.fire_timers()
    assert harness.to_client == b""


def test_an_upstream_that_cannot_be_reached_in_time_is_given_up() -> None:
    addon = ScriptedAddon(attempt(1), http.Response.make(504), connect=0.0)
    harness = LayerHarness(addon)
    with harness.holding(1):
        harness.client_sends()
        harness.fire_timers()
    assert addon.faults[1] and addon.faults[1].kind == "timeout"
    assert harness.to_client.startswith(b"HTTP/1.1 504")


class Hand:
    """A clock that is set by hand, for `time.monotonic`."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    hand = Hand()
    for module in (attempt_clock, timers, client_stream):
        monkeypatch.setattr(module, "time", hand)
    return hand


def pass_time(harness: LayerHarness, hand: Hand, seconds: float) -> int:
    """Time goes by; wake-ups come when they are due. How many came."""
    end, count = hand.now + seconds, 0
    waiting = [(hand.now + wakeup.delay, wakeup) for wakeup in harness.wakeups]
    while waiting and min(waiting, key=lambda pair: pair[0])[0] <= end:
        due, wakeup = min(waiting, key=lambda pair: pair[0])
        hand.now, harness.wakeups = due, [wakeup]
        waiting.remove((due, wakeup))
        harness.fire_timers()
        waiting += [(hand.now + new.delay, new) for new in harness.wakeups]
        count += 1
        assert count < 1000
    hand.now = end
    harness.wakeups = []
    for due, wakeup in waiting:
        wakeup.delay = due - hand.now
        harness.wakeups.append(wakeup)
    return count


def limits(**changed: float) -> dict[str, float]:
    return {"connect": 15.0, "first_byte": 300.0, "idle": 300.0, "progress": 1800.0} | changed


def test_time_begins_when_the_request_is_sent(hand: Hand) -> None:
    addon = ScriptedAddon(attempt(1), http.Response.make(504), **limits())
    harness = LayerHarness(addon)
    with harness.holding("attempt request"):
        harness.client_sends()
        pass_time(harness, hand, 10_000)
    pass_time(harness, hand, 299)
    assert len(addon.faults) == 1
    pass_time(harness, hand, 2)
    assert addon.faults[1] == Fault("timeout", "the upstream sent nothing for 300 s")


def test_connecting_has_a_limit_of_its_own(hand: Hand) -> None:
    addon = ScriptedAddon(attempt(1), http.Response.make(504), **limits())
    harness = LayerHarness(addon)
    with harness.holding(1):
        harness.client_sends()
        pass_time(harness, hand, 16)
    assert addon.faults[1] == Fault("timeout", "the upstream is out of reach: no connection for 15 s")


def test_a_person_may_hold_the_responses_head(hand: Hand) -> None:
    harness = LayerHarness(ScriptedAddon(attempt(1), **limits()))
    with harness.holding("attempt responseheaders"):
        harness.client_sends()
        harness.upstream_sends(OK)
        pass_time(harness, hand, 10_000)
    pass_time(harness, hand, 200)
    harness.upstream_sends(chunked_response(b"one").removeprefix(OK))
    assert body(harness.to_client) == chunk(b"ONE") + chunk(b"END") + END


def test_a_person_may_hold_the_first_words(hand: Hand) -> None:
    harness = LayerHarness(ScriptedAddon(attempt(1), **limits()))
    with harness.holding("client responseheaders"):
        harness.client_sends()
        harness.upstream_sends(OK + chunk(b"one"))
        pass_time(harness, hand, 10_000)
    pass_time(harness, hand, 200)
    harness.upstream_sends(chunk(b"two") + END)
    assert harness.to_client.endswith(chunk(b"TWO") + chunk(b"END") + END)


def test_a_shorter_limit_that_begins_later_is_kept_to_the_second(hand: Hand) -> None:
    harness = harness_after_request(ScriptedAddon(attempt(1), **limits(idle=2.0)))
    pass_time(harness, hand, 14)
    harness.upstream_sends(OK + chunk(b"one"))
    pass_time(harness, hand, 2.1)
    assert body(harness.to_client).endswith(chunk(b"FAILED timeout") + END)


def test_the_next_attempts_shorter_limit_is_kept_to_the_second(hand: Hand) -> None:
    addon = ScriptedAddon(attempt(1), attempt(2), http.Response.make(504), **limits())
    harness = harness_after_request(addon)
    addon.settings["first_byte"] = 3.0
    harness.upstream_closes()
    pass_time(harness, hand, 3.1)
    assert harness.to_client.startswith(b"HTTP/1.1 504")


def test_signs_of_life_count_only_for_so_long(hand: Hand) -> None:
    addon = ScriptedAddon(attempt(1), http.Response.make(504), **limits())
    harness = harness_after_request(addon)
    harness.upstream_sends(OK)
    for _ in range(179):
        harness.upstream_sends(chunk(b"-"))
        pass_time(harness, hand, 10)
    assert len(addon.faults) == 1
    harness.upstream_sends(chunk(b"-"))
    pass_time(harness, hand, 11)
    assert addon.faults[1] == Fault("timeout", "the upstream sent nothing but signs of life for 1800 s")


def test_who_says_something_now_and_then_is_never_given_up(hand: Hand) -> None:
    harness = harness_after_first_chunk(ScriptedAddon(attempt(1), **limits()))
    for _ in range(50):
        harness.upstream_sends(chunk(b"-"))
        pass_time(harness, hand, 290)
        harness.upstream_sends(chunk(b"word"))
    assert b"FAILED" not in harness.to_client


def test_a_stream_is_woken_no_more_than_every_few_seconds(hand: Hand) -> None:
    harness = harness_after_first_chunk(ScriptedAddon(attempt(1), **limits()))
    woken = 0
    for _ in range(600):
        harness.upstream_sends(chunk(b"word"))
        woken += pass_time(harness, hand, 0.1)
    assert woken <= 6


def test_a_wakeup_that_was_overtaken_changes_nothing(hand: Hand) -> None:
    addon = ScriptedAddon(attempt(1), attempt(2), **limits())
    harness = harness_after_request(addon)
    (old,) = harness.wakeups
    addon.settings["first_byte"] = 3.0
    harness.upstream_closes()
    harness.wakeups = [old]
    harness.fire_timers()
    assert harness.wakeups == []


def test_a_whole_answer_that_takes_too_long_ends_cleanly(hand: Hand) -> None:
    harness = harness_after_request(ScriptedAddon(attempt(1), **limits(whole=1000.0)))
    harness.upstream_sends(OK + chunk(b"one"))
    for _ in range(9):
        pass_time(harness, hand, 100)
        harness.upstream_sends(chunk(b"more"))
    assert b"FAILED" not in harness.to_client
    pass_time(harness, hand, 101)
    assert harness.to_client.endswith(chunk(b"FAILED timeout") + END)
    assert "close 1" in harness.log


def test_a_whole_answer_that_takes_too_long_may_be_had_elsewhere(hand: Hand) -> None:
    addon = ScriptedAddon(
        attempt(1), attempt(2), answer=lambda: UppercaseConverter(stream=False), **limits(whole=1000.0)
    )
    harness = harness_after_request(addon)
    harness.upstream_sends(OK + chunk(b"one"))
    for _ in range(11):
        harness.upstream_sends(chunk(b"more"))
        pass_time(harness, hand, 100)
    assert addon.faults[1] == Fault("timeout", "the upstream had not finished its answer after 1000 s")
    assert "connect 2" in harness.log


def test_the_whole_limit_does_not_run_while_a_person_holds_the_answer(hand: Hand) -> None:
    harness = LayerHarness(ScriptedAddon(attempt(1), **limits(whole=1000.0)))
    with harness.holding("client responseheaders"):
        harness.client_sends()
        pass_time(harness, hand, 100)
        harness.upstream_sends(OK + chunk(b"one"))
        pass_time(harness, hand, 10_000)
    for _ in range(3):
        pass_time(harness, hand, 299)
        harness.upstream_sends(chunk(b"more"))
    assert b"FAILED" not in harness.to_client
    pass_time(harness, hand, 10)
    assert harness.to_client.endswith(chunk(b"FAILED timeout") + END)


def test_a_connection_that_stays_open_after_the_end_is_not_waited_for(hand: Hand) -> None:
    addon = ScriptedAddon(attempt(1), **limits())
    harness = harness_after_first_chunk(addon)
    harness.upstream_sends(chunk(b"two."))
    for _ in range(4):
        pass_time(harness, hand, 0.5)
        harness.upstream_sends(chunk(b"-"))
    assert body(harness.to_client) == chunk(b"ONE") + chunk(b"TWO.") + END
    assert harness.flow("upstream").error is None
    assert addon.ends == [("answered", None), ("answered", None)]
    assert "close 1" in harness.log


def test_nor_is_it_for_a_client_without_a_stream(hand: Hand) -> None:
    harness = harness_after_request(
        ScriptedAddon(attempt(1), answer=lambda: UppercaseConverter(stream=False), **limits())
    )
    harness.upstream_sends(OK + chunk(b"one."))
    pass_time(harness, hand, 1.1)
    assert body(harness.to_client) == b"ONE."


def test_a_connection_that_ends_just_after_its_response_is_used_again(hand: Hand) -> None:
    harness = harness_after_first_chunk(ScriptedAddon(attempt(1), attempt(1), **limits()))
    harness.upstream_sends(chunk(b"two."))
    pass_time(harness, hand, 0.9)
    harness.upstream_sends(END)
    pass_time(harness, hand, 10)
    harness.client_sends()
    assert harness.log.count("connect 1") == 1
    assert "close 1" not in harness.log


def test_an_error_whose_body_drips_is_not_waited_for(hand: Hand) -> None:
    addon = ScriptedAddon(attempt(1), attempt(2))
    harness = harness_after_request(addon)
    harness.upstream_sends(b"HTTP/1.1 503 No\r\ncontent-length: 999\r\n\r\n")
    for _ in range(6):
        harness.upstream_sends(b"x")
        pass_time(harness, hand, 5)
        if "connect 2" in harness.log:
            break
    assert "connect 2" in harness.log
    assert addon.ends[0][0] == "refused" and addon.ends[0][1] is not None and addon.ends[0][1].kind == "overloaded"
