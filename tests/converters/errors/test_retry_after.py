"""How long to wait."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import errors
from converters.errors.retry_after import retry_after

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("headers", "said", "seconds"),
    [
        ({"Retry-After": "30"}, "", 30),
        ({"retry-after": "1.5"}, "", 2),
        ({"retry-after-ms": "2500"}, "", 3),
        ({}, "Please try again in 7.66s.", 8),
        ({}, "Please try again in 20ms", 1),
        ({}, "Your quota will reset after 12s", 12),
        ({}, "retry in 2m", 120),
        ({"retry-after": DATE}, "", DATE),
        ({"retry-after": DATE, "Date": "Wed, 21 Oct 2026 07:27:18 GMT"}, "", 42),
        ({"retry-after": DATE, "Date": "Wed, 21 Oct 2026 07:29:18 GMT"}, "", 1),
        ({"retry-after": DATE, "Date": "yesterday"}, "", DATE),
        ({"retry-after": "0"}, "", 1),
        ({"retry-after": " 30 "}, "", 30),
        ({"retry-after": "30", "retry-after-ms": "100"}, "", 1),
        ({}, "Please try again in 6m0s.", 360),
        ({}, "Please try again in 1h12m3.5s", 4324),
        ({}, "Please retry after 43 seconds.", 43),
        ({}, "please try again after 1 seconds", 1),
        ({}, "wait 2 minutes", 120),
        ({}, "try again in 500 milliseconds", 1),
        ({}, "slow down", None),
    ],
)
def test_the_wait_is_found(headers: dict[str, str], said: str, seconds: int | str | None) -> None:
    assert retry_after(headers, None, said) == seconds


@pytest.mark.parametrize("value", ["9" * 400, "1e400", "-5", "nan", "inf", "soon", "١٢", "²", "1.2.3", "9" * 12, "Wed, 31 Feb 2026 07:28:00 GMT", "Wed, 21 Oct 9999 07:28:00 GMT"])  # fmt: skip
def test_an_absurd_header_says_nothing(value: str) -> None:
    assert retry_after({"Retry-After": value}, None, "") is None
    assert retry_after({"Retry-After-Ms": value + "000"}, None, "") is None


@pytest.mark.parametrize(
    "said", ["retry in ...", "retry in", "try again in . 3", f"try again in {'9' * 5000}", "wait for it"]
)
def test_absurd_words_say_nothing(said: str) -> None:
    assert retry_after({}, None, said) is None


def test_a_number_with_too_many_points_is_read_as_far_as_it_is_one() -> None:
    assert retry_after({}, None, "try again in 1.2.3") == 2


@pytest.mark.parametrize(("field", "seconds"), [(0.5, 1), (31.0, 31), (1e9, None)])
def test_a_field_tells_seconds(field: float, seconds: int | None) -> None:
    assert retry_after({}, field, "") == seconds


@given(st.text(), st.text(), st.text())
def test_nothing_raises(header: str, date: str, said: str) -> None:
    headers: Mapping[str, str] = {"retry-after": header, "date": date, "retry-after-ms": said}
    assert retry_after(headers, None, f"try again in {said}") != 0


@pytest.mark.parametrize(
    ("headers", "wait"), [({}, DATE), ({"date": "Wed, 21 Oct 2026 07:27:18 GMT"}, 42), ({"retry-after": "7"}, 7)]
)
def test_a_usage_limit_tells_its_end(headers: dict[str, str], wait: int | str) -> None:
    body = b'{"error":{"type":"usage_limit_reached","message":"The usage limit has been reached","resets_at":%d}}'
    fault = errors.read("Acme", 429, headers, body % 1792567680)
    assert (fault.kind, fault.status, fault.retry_after) == ("quota", 429, wait)


@pytest.mark.parametrize("end", ["true", "1e400", "12", '"soon"', "99999999999999", "null", "[]"])
def test_an_absurd_end_says_nothing(end: str) -> None:
    assert errors.read("Acme", 429, {}, f'{{"error":{{"message":"m","resets_at":{end}}}}}'.encode()).retry_after is None


def test_a_delay_of_googles_is_found() -> None:
    detail = b'{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"12s"}'
    body = b'[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"a":1},%b]}}]' % detail
    assert errors.read("Acme", 429, {}, body).retry_after == 12
