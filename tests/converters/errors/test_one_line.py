"""Anybody's text as one line."""

import sys
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters.errors.one_line import MOST, one_line, page_words


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\r\n b\t c ", "a b c"),
        ("red \x1b[31m, \u202eback\u202c and \u200bnothing\0", "red [31m, back and nothing"),
        ("\ud800half", "half"),
        ("né 余额不足 🙂", "né 余额不足 🙂"),
        ("", ""),
    ],
)
def test_what_a_terminal_obeys_is_left_out(text: str, line: str) -> None:
    assert one_line(text) == line


def test_a_long_text_is_cut() -> None:
    assert one_line("x" * MOST) == "x" * MOST
    assert one_line("x" * (MOST + 1)) == "x" * (MOST - 2) + " …"
    assert one_line(" " * 10**6 + "x") == " …"


@given(st.text())
def test_any_text_becomes_one_line(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert one_line(line) == line


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (
            "<html><head><title>502</title><style>b{}</style></head><body><h1>Bad &amp; gone</h1></body>",
            "502 Bad & gone",
        ),
        ("<STYLE>a</STYLE><p>b</p><Script>c</sCript>d", "b d"),
        ("<p>a<p>b<", "a b"),
        ("<style>never ends", ""),
        ("\ufeff\n<p>\u0130<style>x</style>y", "\u0130 y"),
        ("2 < 3 and <b> stays", "2 < 3 and <b> stays"),
        ("<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "AccessDenied"),
    ],
)
def test_a_page_is_told_in_its_words(page: str, words: str) -> None:
    assert one_line(page_words(page)) == words


def calls(page: str) -> int:
    """How many calls reading a page takes. Each search in it goes on where the last one ended, so calls are its steps."""
    count = 0

    def counted(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        page_words(page)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "piece", ["<style ", "<title", "<", "<a>", "<style></style>", "<style>", "<script>x</script", "< > "]
)
def test_a_page_twice_as_long_takes_twice_the_steps(piece: str) -> None:
    assert calls("<p>" + piece * 2000) <= 2 * calls("<p>" + piece * 1000) + 20
