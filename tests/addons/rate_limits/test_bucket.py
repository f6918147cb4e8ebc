"""Token buckets, by a clock of their own."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.rate_limits.bucket import Bucket

AMOUNTS = st.integers(-500, 500)
SECONDS = st.integers(0, 300)


def test_it_begins_full_and_refills_steadily() -> None:
    bucket = Bucket(60, at=0)
    bucket.take(60)
    assert (bucket.level, bucket.seconds_until(1), bucket.seconds_until(30)) == (0, 1, 30)
    bucket.refill(15, 60)
    assert (bucket.level, bucket.seconds_until(30)) == (15, 15)
    bucket.refill(1000, 60)
    assert bucket.level == 60


def test_what_was_used_beyond_is_owed_and_paid_first() -> None:
    bucket = Bucket(60, at=0)
    bucket.take(90)
    assert (bucket.level, bucket.owed, bucket.seconds_until(1)) == (0, 30, 31)
    bucket.refill(20, 60)
    assert (bucket.level, bucket.owed) == (0, 10)
    bucket.take(-15)
    assert (bucket.level, bucket.owed) == (5, 0)


def test_more_than_it_holds_can_be_taken_when_it_is_full() -> None:
    bucket = Bucket(60, at=0)
    assert bucket.seconds_until(1000) == 0
    bucket.take(1)
    assert bucket.seconds_until(1000) == 1


def test_a_clock_that_was_set_back_adds_nothing_and_stops_nothing() -> None:
    bucket = Bucket(60, at=5000)
    bucket.take(60)
    bucket.refill(100, 60)
    assert bucket.level == 0
    bucket.refill(110, 60)
    assert bucket.level == 10


@pytest.mark.parametrize(("new_limit", "level", "seconds"), [(30, 30, 0), (120, 60, 30)])
def test_a_limit_that_changed_holds_from_then_on(new_limit: int, level: float, seconds: float) -> None:
    bucket = Bucket(60, at=0)
    bucket.refill(0, new_limit)
    assert (bucket.level, bucket.seconds_until(1000)) == (level, seconds)


@given(st.integers(1, 1000), st.lists(st.tuples(SECONDS, AMOUNTS)))
def test_it_counts_like_one_signed_number_and_never_goes_below_zero(
    per_minute: int, steps: list[tuple[int, int]]
) -> None:
    bucket, balance, now = Bucket(per_minute, at=0), Fraction(per_minute), 0
    for seconds, amount in steps:
        now += seconds
        bucket.refill(now, per_minute)
        balance = min(Fraction(per_minute), balance + Fraction(per_minute * seconds, 60))
        bucket.take(amount)
        balance = min(Fraction(per_minute), balance - amount)
        assert 0 <= bucket.level <= per_minute and bucket.owed >= 0
        assert bucket.level == 0 or bucket.owed == 0
        assert bucket.level - bucket.owed == pytest.approx(float(balance), abs=1e-6)


@given(st.integers(1, 1_000_000), st.integers(0, 3_000_000), st.integers(0, 2_000_000))
def test_after_the_time_that_it_tells_the_amount_is_there(per_minute: int, taken: int, amount: int) -> None:
    now = 1.8e9  # a date, of which floating point numbers know no more than fractions of a microsecond
    bucket = Bucket(per_minute, at=now)
    bucket.take(taken)
    bucket.refill(now + bucket.seconds_until(amount), per_minute)
    assert bucket.seconds_until(amount) == 0
