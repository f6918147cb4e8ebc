import math

import pytest

from addons.exchange.exchange import Limits
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
