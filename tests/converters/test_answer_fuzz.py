"""Answers with something wrong in them are told as far as they can be read, and have one end; nothing else comes of them.

`scripts/fuzz answers` does the same for as long as one likes.
"""

import random

import pytest

from tests import answer_fuzz


@pytest.mark.parametrize(("seed", "count"), [(7, 300), pytest.param(8, 2500, marks=pytest.mark.slow)])
def test_whatever_an_answer_holds_it_is_told_by_the_laws(seed: int, count: int) -> None:
    rng = random.Random(seed)
    failures = filter(None, (answer_fuzz.one(rng) for _ in range(count)))
    assert [str(failure) for failure in failures] == []
