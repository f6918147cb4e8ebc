"""How long whom is left alone."""

import math

import pytest

from addons.health.cool_downs import COOL_DOWNS, LONGEST
from converters.errors import Kind

HOUR = 3600.0


@pytest.mark.parametrize("kind", ["unreachable", "cut", "server", "overloaded", "timeout"])
def test_what_concerns_the_provider_doubles_from_seconds_to_minutes(kind: Kind) -> None:
    rule = COOL_DOWNS[kind]
    assert rule.of == "provider"
    assert [rule.seconds(failures, None) for failures in (1, 2, 3, 7, 8, 10**6)] == [5, 10, 20, 320, 600, 600]


@pytest.mark.parametrize("kind", ["rate_limited", "quota", "auth"])
def test_what_concerns_the_key_leaves_the_provider_its_other_keys(kind: Kind) -> None:
    assert COOL_DOWNS[kind].of == "key"


@pytest.mark.parametrize("kind", ["context_overflow", "bad_request", "model_not_found", "content_policy", "empty"])
def test_what_is_the_requests_fault_is_nobodys_else(kind: Kind) -> None:
    assert kind not in COOL_DOWNS


@pytest.mark.parametrize(
    ("kind", "named", "seconds"),
    [
        ("server", 2.0, 2.0),
        ("server", 0.0, 0.0),
        ("overloaded", 10.0**9, HOUR),
        ("rate_limited", 5 * HOUR, 5 * HOUR),
        ("rate_limited", 10.0**9, 24 * HOUR),
        ("quota", 7 * 24 * HOUR, 7 * 24 * HOUR),
        ("quota", math.inf, LONGEST),
        ("quota", None, HOUR),
        ("auth", 1.0, math.inf),
        ("rate_limited", -1.0, 5.0),
        ("rate_limited", math.nan, 5.0),
    ],
)
def test_a_time_that_the_provider_names_is_believed_within_bounds(
    kind: Kind, named: float | None, seconds: float
) -> None:
    assert COOL_DOWNS[kind].seconds(1, named) == seconds
