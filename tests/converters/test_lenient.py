"""Values of an upstream, as what they should be or as a loss."""

from typing import Any

import pytest

from converters.lenient import Reader
from converters.losses import Losses

NOTHING = [None, "", [], {}, 0, False]
ODD = ["x", ["x"], {"x": 1}, 7, 1.5, True, -1, 1e40, 2**70, float("nan"), float("inf")]


def read_leniently(method: str, value: Any) -> tuple[Any, list[str]]:
    losses = Losses()
    result = getattr(Reader(losses), method)(value, "a.b")
    return result, [str(loss) for loss in losses]


@pytest.mark.parametrize(
    ("method", "empty"),
    [("text", ""), ("word", ""), ("number", 0), ("table", {}), ("tables", []), ("number_or_none", None)],
)
@pytest.mark.parametrize("value", NOTHING, ids=repr)
def test_what_says_nothing_is_no_loss(method: str, empty: Any, value: Any) -> None:
    events, losses = read_leniently(method, value)
    assert losses == []
    assert events in (empty, value)


@pytest.mark.parametrize(
    ("method", "value", "told"),
    [
        ("text", "half \ud83d", "half \ud83d"),
        ("word", "half \ud83d", "half \ufffd"),
        ("word", 12, "12"),
        ("number", 12, 12),
        ("number", 12.0, 12),
        ("number", "12", 12),
        ("number", 2**53 - 1, 2**53 - 1),
        ("number_or_none", 0, 0),
        ("table", {"a": 1}, {"a": 1}),
        ("tables", [{"a": 1}, {}], [{"a": 1}, {}]),
    ],
)
def test_what_fits_is_taken(method: str, value: Any, told: Any) -> None:
    assert read_leniently(method, value) == (told, [])


@pytest.mark.parametrize(
    ("method", "value", "told", "lost"),
    [
        ("text", 7, "", "answer.a.b: a number (not a text)"),
        ("text", {"x": 1}, "", "answer.a.b: an object (not a text)"),
        ("word", True, "", "answer.a.b: true (not a text)"),
        ("number", "many", 0, "answer.a.b: a text (not a whole number)"),
        ("number", -1, 0, "answer.a.b: a number (not a whole number)"),
        ("number", 2**53, 0, "answer.a.b: a number (not a whole number)"),
        ("table", ["x"], {}, "answer.a.b: a list (not an object)"),
        ("tables", {"x": 1}, [], "answer.a.b: an object (not a list)"),
        ("tables", [{"a": 1}, "x", None], [{"a": 1}], "answer.a.b[]: a text (not an object)"),
    ],
)
def test_what_does_not_fit_is_a_loss_with_its_place(method: str, value: Any, told: Any, lost: str) -> None:
    assert read_leniently(method, value) == (told, [lost])


@pytest.mark.parametrize("method", ["text", "word", "number", "number_or_none", "table", "tables"])
@pytest.mark.parametrize("value", ODD, ids=repr)
def test_nothing_raises(method: str, value: Any) -> None:
    read_leniently(method, value)


def test_a_loss_is_told_once_however_often_it_happens() -> None:
    losses = Losses()
    read = Reader(losses)
    for _ in range(1000):
        read.tables(["x"] * 3, "a")
    assert len(losses) == 1
