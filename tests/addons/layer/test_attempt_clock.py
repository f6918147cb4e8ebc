import math

import pytest

from addons.exchange.exchange import Limits
from addons.layer import attempt_clock
from addons.layer.attempt_clock import Clock


def running(**limits: float) -> Clock:
    return Clock(Limits(**limits))


def test_one_limit_runs_after_the_other() -> None:
    clock = running(connect=10.0, first_byte=100.0, idle=50.0)
    assert clock.left == pytest.approx(10, abs=1)
    clock.connected()
    assert clock.left == pytest.approx(100, abs=1)
    clock.received()
    assert clock.left == pytest.approx(50, abs=1)


def test_no_limit_is_never_reached() -> None:
    clock = running()
    assert clock.left == math.inf
    clock.connected()
    clock.received()
    assert clock.left == math.inf


def test_progress_is_expected_of_who_has_got_the_request() -> None:
    clock = running(progress=0.0)
    assert clock.left == math.inf
    clock.connected()
    assert clock.left <= 0
    assert clock.overdue == "sent nothing but signs of life for 0 s"


def test_silence_is_named_first() -> None:
    clock = running(first_byte=0.0, progress=0.0)
    clock.connected()
    assert clock.overdue == "sent nothing for 0 s"


def test_a_rest_begins_all_anew() -> None:
    clock = running(first_byte=100.0, progress=200.0)
    clock.connected()
    clock._since -= 90
    clock._progress_since -= 190
    assert clock.left < 11
    clock.rest()
    assert clock.left > 99


@pytest.mark.parametrize(("size", "seconds"), [(0, 100), (1 << 20, 160), (5 << 19, 250)])
def test_a_large_request_gets_more_time_to_the_first_byte(size: int, seconds: float) -> None:
    clock = running(first_byte=100.0)
    clock.connected(size)
    assert clock.left == pytest.approx(seconds, abs=1)


def test_what_has_no_limit_gets_none_by_its_size() -> None:
    clock = running()
    clock.connected(1 << 30)
    assert clock.left == math.inf


def test_a_whole_answer_has_a_limit_however_much_comes_of_it() -> None:
    clock = running(idle=50.0, whole=0.0)
    assert clock.left == math.inf
    clock.connected()
    clock.received()
    clock.progressed()
    assert clock.left <= 0
    assert clock.overdue == "had not finished its answer after 0 s"


def test_the_time_that_a_hook_takes_is_not_the_answers() -> None:
    clock = running(whole=100.0)
    clock.connected()
    clock._sent_at -= 90
    clock.rest()
    assert clock.left == pytest.approx(10, abs=1), "it goes on"
    clock.hold()
    assert clock._held_since is not None
    clock._held_since -= 50
    clock.hold()
    clock.rest()
    assert clock.left == pytest.approx(60, abs=1)


def test_nothing_prolongs_what_has_ended() -> None:
    clock = running(idle=50.0)
    clock.connected()
    clock.ended()
    clock._ended_at -= 0.6
    clock.received()
    clock.ended()
    assert 0 < clock.left < 0.5


def test_no_end_takes_longer_than_silence() -> None:
    clock = running(idle=0.0)
    clock.received()
    clock.ended()
    assert clock.left <= 0


def test_an_error_has_seconds_to_come_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(attempt_clock.time, "monotonic", lambda: now)
    clock = running(idle=300.0)
    clock.connected()
    clock.refused()
    now += 6
    clock.received()
    assert clock.left == 4
    clock.hold()
    now += 60
    clock.rest()
    assert clock.left == 10, "a person looked at it"
    now += 10
    assert clock.overdue == "had not finished its error after 10 s"
