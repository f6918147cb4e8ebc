"""What time does: an upstream that is silent, a client that waits, a person who takes both's time."""

import time

import pytest
from mitmproxy import http

from addons.layer import client_side, clock, timers
from converters.errors import Fault
from tests.addons.stage import END, OK, Planned, Stage, answer, asked, attempt, begun, body, chunk


def test_one_wakeup_is_outstanding_whatever_comes() -> None:
    stage = begun(Planned(attempt(), first_byte=60.0, idle=60.0))
    for _ in range(5):
        stage.upstream(chunk(b"more"))
    assert len(stage.wakeups) == 1
    stage.wake()
    assert len(stage.wakeups) == 1
    stage.upstream(END)
    stage.wake()
    assert stage.wakeups == []


def test_no_first_byte_in_time_leads_to_the_next_attempt() -> None:
    addon = Planned(attempt(1), http.Response.make(504), first_byte=0.0, provider_name="acme")
    stage = asked(addon)
    stage.upstream(OK)
    stage.wake()
    assert addon.faults[1] == Fault("timeout", "acme sent nothing for 0 s")
    assert stage.to_client.startswith(b"HTTP/1.1 504")
    assert "close 1" in stage.log


def test_an_upstream_that_falls_silent_ends_the_stream_cleanly() -> None:
    stage = begun(Planned(attempt(), idle=0.0))
    stage.wake()
    assert body(stage.to_client) == chunk(b"ONE") + chunk(b"FAILED timeout") + END
    assert "close 1" in stage.log
    error = stage.flow("upstream").error
    assert error and "sent nothing" in error.msg


def test_without_limits_an_upstream_may_take_its_time() -> None:
    stage = asked(Planned(attempt(), quiet=0.0))
    stage.wake()
    stage.upstream(answer(b"one"))
    assert body(stage.to_client).endswith(chunk(b"END") + END)


def test_a_client_that_waits_in_mid_answer_is_kept_alive() -> None:
    stage = begun(Planned(attempt(), quiet=0.0))
    stage.wake()
    stage.wake()
    assert body(stage.to_client) == chunk(b"ONE") + chunk(b"alive") * 2


def test_no_keepalive_before_the_first_word() -> None:
    stage = asked(Planned(attempt(), quiet=0.0))
    stage.wake()
    stage.upstream(OK + chunk(b"-"))
    stage.wake()
    assert stage.to_client == b""


def test_an_upstream_that_cannot_be_reached_in_time_is_given_up() -> None:
    addon = Planned(attempt(1), http.Response.make(504), connect=0.0)
    stage = Stage(addon)
    with stage.holding(1):
        stage.says()
        stage.wake()
    assert addon.faults[1] and addon.faults[1].kind == "timeout"
    assert stage.to_client.startswith(b"HTTP/1.1 504")


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
    for module in (clock, timers, client_side):
        monkeypatch.setattr(module, "time", hand)
    return hand


def pass_time(stage: Stage, hand: Hand, seconds: float) -> int:
    """Time goes by; wake-ups come when they are due. How many came."""
    end, count = hand.now + seconds, 0
    waiting = [(hand.now + one.delay, one) for one in stage.wakeups]
    while waiting and min(waiting, key=lambda pair: pair[0])[0] <= end:
        due, one = min(waiting, key=lambda pair: pair[0])
        hand.now, stage.wakeups = due, [one]
        waiting.remove((due, one))
        stage.wake()
        waiting += [(hand.now + new.delay, new) for new in stage.wakeups]
        count += 1
        assert count < 1000
    hand.now = end
    stage.wakeups = []
    for due, one in waiting:
        one.delay = due - hand.now
        stage.wakeups.append(one)
    return count


def limits(**changed: float) -> dict[str, float]:
    return {"connect": 15.0, "first_byte": 300.0, "idle": 300.0, "progress": 1800.0} | changed


def test_time_begins_when_the_request_is_sent(hand: Hand) -> None:
    addon = Planned(attempt(1), http.Response.make(504), **limits())
    stage = Stage(addon)
    with stage.holding("attempt request"):
        stage.says()
        pass_time(stage, hand, 10_000)
    pass_time(stage, hand, 299)
    assert len(addon.faults) == 1
    pass_time(stage, hand, 2)
    assert addon.faults[1] == Fault("timeout", "the upstream sent nothing for 300 s")


def test_connecting_has_a_limit_of_its_own(hand: Hand) -> None:
    addon = Planned(attempt(1), http.Response.make(504), **limits())
    stage = Stage(addon)
    with stage.holding(1):
        stage.says()
        pass_time(stage, hand, 16)
    assert addon.faults[1] == Fault("timeout", "the upstream is out of reach: no connection for 15 s")


def test_a_person_may_hold_the_answers_head(hand: Hand) -> None:
    stage = Stage(Planned(attempt(1), **limits()))
    with stage.holding("attempt responseheaders"):
        stage.says()
        stage.upstream(OK)
        pass_time(stage, hand, 10_000)
    pass_time(stage, hand, 200)
    stage.upstream(answer(b"one").removeprefix(OK))
    assert body(stage.to_client) == chunk(b"ONE") + chunk(b"END") + END


def test_a_person_may_hold_the_first_words(hand: Hand) -> None:
    stage = Stage(Planned(attempt(1), **limits()))
    with stage.holding("client responseheaders"):
        stage.says()
        stage.upstream(OK + chunk(b"one"))
        pass_time(stage, hand, 10_000)
    pass_time(stage, hand, 200)
    stage.upstream(chunk(b"two") + END)
    assert stage.to_client.endswith(chunk(b"TWO") + chunk(b"END") + END)


def test_a_shorter_limit_that_begins_later_is_kept_to_the_second(hand: Hand) -> None:
    stage = asked(Planned(attempt(1), **limits(idle=2.0)))
    pass_time(stage, hand, 14)
    stage.upstream(OK + chunk(b"one"))
    pass_time(stage, hand, 2.1)
    assert body(stage.to_client).endswith(chunk(b"FAILED timeout") + END)


def test_the_next_attempts_shorter_limit_is_kept_to_the_second(hand: Hand) -> None:
    addon = Planned(attempt(1), attempt(2), http.Response.make(504), **limits())
    stage = asked(addon)
    addon.settings["first_byte"] = 3.0
    stage.upstream_closes()
    pass_time(stage, hand, 3.1)
    assert stage.to_client.startswith(b"HTTP/1.1 504")


def test_signs_of_life_count_only_for_so_long(hand: Hand) -> None:
    addon = Planned(attempt(1), http.Response.make(504), **limits())
    stage = asked(addon)
    stage.upstream(OK)
    for _ in range(179):
        stage.upstream(chunk(b"-"))
        pass_time(stage, hand, 10)
    assert len(addon.faults) == 1
    stage.upstream(chunk(b"-"))
    pass_time(stage, hand, 11)
    assert addon.faults[1] == Fault("timeout", "the upstream sent nothing but signs of life for 1800 s")


def test_who_says_something_now_and_then_is_never_given_up(hand: Hand) -> None:
    stage = begun(Planned(attempt(1), **limits()))
    for _ in range(50):
        stage.upstream(chunk(b"-"))
        pass_time(stage, hand, 290)
        stage.upstream(chunk(b"word"))
    assert b"FAILED" not in stage.to_client


def test_a_stream_is_woken_no_more_than_every_few_seconds(hand: Hand) -> None:
    stage = begun(Planned(attempt(1), **limits()))
    woken = 0
    for _ in range(600):
        stage.upstream(chunk(b"word"))
        woken += pass_time(stage, hand, 0.1)
    assert woken <= 6


def test_a_wakeup_that_was_overtaken_changes_nothing(hand: Hand) -> None:
    addon = Planned(attempt(1), attempt(2), **limits())
    stage = asked(addon)
    (old,) = stage.wakeups
    addon.settings["first_byte"] = 3.0
    stage.upstream_closes()
    stage.wakeups = [old]
    stage.wake()
    assert stage.wakeups == []
