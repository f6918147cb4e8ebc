import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters.rendering.layout import (
    GLANCE,
    LONG,
    SHORT,
    WIDTH,
    Limit,
    block,
    characters,
    compact,
    glance,
    listed,
    shortened,
    size,
)


def test_a_text_that_fits_stays_as_it_is() -> None:
    assert shortened("a\nb", GLANCE) == "a\nb"


def test_a_long_text_keeps_its_beginning_and_its_end_and_tells_how_much_is_left_out() -> None:
    assert shortened("abcdefghijkl", Limit(6, 9)) == "abcd\n[... 6 characters ...]\nkl"


def test_many_lines_are_shortened_too() -> None:
    text = "\n".join("abcdefghi")
    assert shortened(text, Limit(100, 3)) == "a\nb\n[... 13 characters ...]\ni"


def test_a_glance_is_one_line() -> None:
    assert glance("one\n  two\tthree", 40) == "one two three"
    assert glance("x" * 50, 20) == "x" * 16 + " ..."


def test_lines_are_wrapped_at_words_and_keep_their_margin() -> None:
    lines = list(block("    " + "word " * 40, LONG))
    assert all(line.startswith("      word") for line in lines)
    assert len(lines) == 3


def test_letters_of_two_columns_are_counted_as_two() -> None:
    assert max(2 * line.count("字") + 2 for line in block("字" * 200, LONG)) == WIDTH


def test_controls_of_a_terminal_are_shown_not_obeyed() -> None:
    assert list(block("\x1b[31mred\x1b[0m\r\n\tin", SHORT)) == ["  ·[31mred·[0m", "      in"]


@given(st.text(max_size=400), st.sampled_from([GLANCE, SHORT]))
def test_no_line_is_wider_than_the_page(text: str, limit: Limit) -> None:
    assert all(len(line) <= WIDTH for line in block(text, limit))


@given(st.lists(st.text("ab", min_size=1, max_size=40), max_size=20), st.sampled_from([" · ", ", "]))
def test_listed_words_stay_whole_and_within_the_page(words: list[str], separator: str) -> None:
    lines = list(listed(words, separator))
    assert all(len(line) <= WIDTH for line in lines)
    assert "".join("".join(lines).split()).replace(separator.strip(), "") == "".join(words)


@pytest.mark.parametrize(("count", "said"), [(870, "870 B"), (12_300, "12 kB"), (3_400_000, "3.4 MB")])
def test_sizes_are_said_in_words(count: int, said: str) -> None:
    assert size(count) == said


def test_only_long_texts_tell_their_length() -> None:
    assert (characters("x" * 199), characters("x" * 1200)) == ("", "1,200 characters")


def test_a_value_nested_too_deep_for_json_is_named() -> None:
    deep: list[object] = []
    for _ in range(400):
        deep = [deep]
    assert compact(deep) == "[list that cannot be shown]"
