"""What codes mean."""

from collections import Counter

import pytest

from converters.errors import codes
from converters.errors.codes import kind_of, weak_kind_of


@pytest.mark.parametrize("spelling", ["rate_limit_exceeded", "RateLimitExceeded", "rate-limit-exceeded", "RATE_LIMIT_EXCEEDED", "RateLimitExceeded.EndpointRPMExceeded"])  # fmt: skip
def test_everybody_spells_a_code_in_a_way_of_his_own(spelling: str) -> None:
    assert kind_of([spelling]) == "rate_limited"


def test_the_first_code_that_says_something_counts() -> None:
    assert kind_of(["", "who_knows", "insufficient_quota", "rate_limit_error"]) == "quota"
    assert kind_of(["who_knows"]) is None


def test_a_code_that_says_no_more_than_a_status_is_weak() -> None:
    assert kind_of(["invalid_request_error"]) is None
    assert weak_kind_of(["invalid_request_error"]) == "bad_request"


def test_no_code_means_two_things() -> None:
    tables = [*codes._KINDS.values(), *codes._WEAK.values()]
    spellings = Counter(codes._squashed(code) for table in tables for code in table)
    assert [spelling for spelling, count in spellings.items() if count > 1] == []
