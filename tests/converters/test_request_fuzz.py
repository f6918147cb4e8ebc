"""Requests with something wrong in them are converted, or refused with the place; nothing else comes of them.

`scripts/fuzz requests` does the same for as long as one likes.
"""

import random

from tests import request_fuzz

COUNT = 2500


def test_whatever_a_request_holds_it_is_converted_or_refused() -> None:
    rng = random.Random(7)
    failures = filter(None, (request_fuzz.one(rng) for _ in range(COUNT)))
    assert [str(failure) for failure in failures] == []
