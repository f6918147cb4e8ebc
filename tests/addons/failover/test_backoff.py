"""Waits are at random, within bounds that double, and what an upstream asks for is understood."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.failover.backoff import full_jitter, seconds


@given(st.integers(0, 10_000), st.integers())
def test_a_wait_is_within_its_bound(repeat: int, seed: int) -> None:
    assert 0 <= full_jitter(repeat, Random(seed)) <= min(8.0, 0.5 * 2 ** min(repeat, 10))


def test_the_bound_doubles_and_the_whole_of_it_is_used() -> None:
    random = Random(7)
    longest = [max(full_jitter(repeat, random) for _ in range(500)) for repeat in range(6)]
    assert [round(wait, 1) for wait in longest] == pytest.approx([0.5, 1, 2, 4, 8, 8], rel=0.03)
    assert min(full_jitter(5, random) for _ in range(500)) < 0.1


@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [
        (None, None),
        (7, 7.0),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30.0),
        ("Wed, 31 Dec 2025 23:59:00 GMT", 0.0),
        ("Thu, 31 Feb 2026 00:00:30 GMT", None),
        ("soon", None),
    ],
)
def test_what_an_upstream_asks_for_is_understood(retry_after: int | str | None, expected: float | None) -> None:
    assert seconds(retry_after, 1767225600.0) == expected  # the first second of 2026
