"""Halves of characters, which some upstreams send one by one."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import jsontext, surrogates

HIGH, LOW = "\ud83d", "\ude00"
PLAIN = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
WILD = st.lists(st.one_of(PLAIN, st.sampled_from([HIGH, LOW, HIGH + LOW, "\\"])), max_size=8).map("".join)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("plain", "plain"),
        ("é 😀", "é 😀"),
        (HIGH + LOW, "😀"),
        (HIGH, "\ufffd"),
        (LOW + HIGH, "\ufffd\ufffd"),
        (f"a{HIGH}b", "a\ufffdb"),
    ],
)
def test_halves_that_meet_are_a_character_and_others_are_none(text: str, whole: str) -> None:
    assert surrogates.whole(text) == whole
    assert not surrogates.find_half(whole)


@pytest.mark.parametrize(
    ("text", "parts"),
    [("a", ("a", "")), (f"a{HIGH}", ("a", HIGH)), (f"a{LOW}", ("a\ufffd", "")), (f"{HIGH}{LOW}", ("😀", ""))],
)
def test_a_half_at_the_end_waits(text: str, parts: tuple[str, str]) -> None:
    assert surrogates.cut(text) == parts


@given(WILD, st.lists(st.integers(0, 60), max_size=5))
def test_pieces_make_the_same_text_wherever_it_is_cut(text: str, places: list[int]) -> None:
    result, half = "", ""
    borders = [0, *sorted(min(place, len(text)) for place in places), len(text)]
    for start, end in pairwise(borders):
        piece, half = surrogates.cut(half + text[start:end])
        result += piece
    assert result + ("\ufffd" if half else "") == surrogates.whole(text)


@given(st.dictionaries(WILD, st.lists(WILD, max_size=3), max_size=3))
def test_json_keeps_halves_only_for_who_wants_pieces(value: dict[str, list[str]]) -> None:
    text = json.dumps(value).encode()
    assert surrogates.all_whole(jsontext.loads_pieces(text)) == surrogates.all_whole(json.loads(text))
    assert jsontext.loads(text) == jsontext.loads(surrogates.replaced(text.decode()))
    assert jsontext.loads(jsontext.dumps(jsontext.loads_pieces(text))) == surrogates.all_whole(json.loads(text))


def test_an_escaped_backslash_before_a_u_is_no_half() -> None:
    assert jsontext.loads_pieces(rb'"\\ud83d"') == r"\ud83d"
    assert jsontext.loads_pieces(rb'"\\\ud83d"') == "\\\ud83d"
