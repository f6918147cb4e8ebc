"""Answers with something wrong in them are told as far as they can be read, and have one end; nothing else comes of them.

`scripts/fuzz answers` does the same for as long as one likes.
"""

import random

from tests import answer_fuzz

COUNT = 2500


def test_whatever_an_answer_holds_it_is_told_by_the_laws() -> None:
    rng = random.Random(7)
    failures = filter(None, (answer_fuzz.one(rng) for _ in range(COUNT)))
    assert [str(failure) for failure in failures] == []
