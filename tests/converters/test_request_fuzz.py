"""Requests with something wrong in them are converted, or refused with the place; nothing else comes of them.

`scripts/fuzz requests` does the same for as long as one likes.
"""

import random

import pytest

from tests import request_fuzz


@pytest.mark.parametrize(("seed", "count"), [(7, 300), pytest.param(8, 2500, marks=pytest.mark.slow)])
def test_whatever_a_request_holds_it_is_converted_or_refused(seed: int, count: int) -> None:
    rng = random.Random(seed)
    failures = filter(None, (request_fuzz.one(rng) for _ in range(count)))
    assert [str(failure) for failure in failures] == []
