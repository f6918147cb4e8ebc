"""When a rate limit is over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import errors
from converters.errors.limit_reset import limit_reset

NOW = "Wed, 21 Oct 2026 07:27:18 GMT"
THEN = 1792567680  # 42 s later
THEN_AS_DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1s", 1),
        ("6m0s", 360),
        ("250ms", 1),
        ("1h2m3.5s", 3724),
        ("12", 12),
        ("2.5", 3),
        (str(THEN), 42),
        (f"{THEN}000", 42),
        ("2026-10-21T07:28:00Z", 42),
        ("2026-10-21T09:28:00+02:00", 42),
        ("2026-10-21T07:00:00Z", 1),
    ],
)
@pytest.mark.parametrize(
    "name", ["x-ratelimit-reset", "X-RateLimit-Reset-Tokens", "anthropic-ratelimit-input-tokens-reset"]
)
def test_the_end_of_a_limit_is_found_in_all_its_forms(name: str, value: str, seconds: int) -> None:
    assert limit_reset({name: value, "Date": NOW}) == seconds


@pytest.mark.parametrize("value", [str(THEN), f"{THEN}000", "2026-10-21T07:28:00Z"])
def test_a_moment_is_a_date_where_the_upstream_names_no_time(value: str) -> None:
    assert limit_reset({"x-ratelimit-reset": value, "x-ratelimit-remaining": "0"}) == THEN_AS_DATE


def test_the_limit_counts_of_which_nothing_remains() -> None:
    headers = {
        "x-ratelimit-reset-requests": "2h",
        "x-ratelimit-remaining-requests": "13000",
        "x-ratelimit-reset-tokens": "7.66s",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-images": "3s",
        "x-ratelimit-remaining-images": "0",
    }
    assert limit_reset(headers) == 8


def test_of_limits_that_do_not_say_it_counts_that_which_is_over_first() -> None:
    assert limit_reset({"x-ratelimit-reset-requests": "2m", "x-ratelimit-reset-tokens": "7s"}) == 7


@pytest.mark.parametrize("value", ["", "soon", "-5", "nan", "9" * 15, "1e9", "12 bananas", "0001-01-01", "١٢", "6m0x"])
def test_absurd_values_say_nothing(value: str) -> None:
    assert limit_reset({"x-ratelimit-reset": value}) is None


@given(st.dictionaries(st.sampled_from(["x-ratelimit-reset", "date", "x-ratelimit-remaining"]), st.text()))
def test_nothing_raises(headers: dict[str, str]) -> None:
    assert limit_reset(headers) != 0


def test_a_limit_without_another_wait_is_read_from_them() -> None:
    headers = {"x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-remaining-tokens": "0"}
    assert errors.read("Acme", 429, headers, b"{}").retry_after == 360
    assert errors.read("Acme", 429, headers | {"retry-after": "3"}, b"{}").retry_after == 3
    assert errors.read("Acme", 500, headers, b"{}").retry_after is None
    quota = errors.read("Acme", 429, headers, b'{"error":{"message":"You exceeded your current quota, please check"}}')
    assert (quota.kind, quota.retry_after) == ("quota", None), "they stand in every response"
