"""Texts whose deltas may each hold the whole text so far."""

import pytest

from converters.chat.cumulative_text import CumulativeText


@pytest.mark.parametrize(
    ("deltas", "new"),
    [
        (["be", "because"], ["be", "cause"]),
        (["be", "cause", "because"], ["be", "cause", ""]),
        (["be", "be", "because"], ["be", "", "cause"]),
        (["", "a", "", "ab"], ["", "a", "", "b"]),
        (["one", "another", "oneanother."], ["one", "another", "."]),
    ],
)
def test_only_what_is_new_counts(deltas: list[str], new: list[str]) -> None:
    text = CumulativeText()
    assert [text.new(delta) for delta in deltas] == new


def test_plain_deltas_are_not_joined_each_time() -> None:
    text, deltas = CumulativeText(), [f"word {n} " for n in range(1000)]
    assert [text.new(delta) for delta in deltas] == deltas
    assert len(text._pieces) > 990
    assert text.new("".join(deltas) + "end") == "end"
