"""Foreign text in a line of the log."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.runtime.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("gpt-5.5", "gpt-5.5"),
        ("模型 é", "模型 é"),
        ("a\nb\r\nc\td", r"a\nb\r\nc\td"),
        ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
        ("\x9b31m\x85", r"\x9b31m\x85"),
        ("\u202ereversed\u2066", r"\u202ereversed\u2066"),
        ("a\u2028b\u200bc\ufeff", r"a\u2028b\u200bc\ufeff"),
        ("\udcff", r"\udcff"),
        ("x" * 501, "x" * 497 + "..."),
        ("\x00" * 500, r"\x00" * 124 + r"\..."),
    ],
)
def test_control_characters_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(), st.integers(10, 50))
def test_it_is_always_one_short_printable_line(text: str, max_length: int) -> None:
    shown = printable(text, max_length)
    assert shown.isprintable() and len(shown) <= max_length


def test_short_printable_text_stays_the_same_object() -> None:
    text = "as it is"
    assert printable(text) is text
