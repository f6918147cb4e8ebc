"""The ids of calls as upstreams take them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters.chat.call_ids import CallIds
from converters.chat.dialect import ChatDialect
from converters.responses import wire
from converters.responses.history import Call


def given_ids(*ids: str, kind: str) -> list[str]:
    giver = CallIds(ChatDialect.model_validate({"call_ids": kind}))
    item = wire.FunctionCallItem(type="function_call", call_id="x", name="f")
    return [giver.give(Call(id_, item, "input[0]"), "f") for id_ in ids]


def test_short_ids_stay_as_they_are() -> None:
    ids = ["call_abc", "toolu_01", "functions.exec:0", "a" * 40]
    assert given_ids(*ids, kind="short") == ids


@pytest.mark.parametrize("long", ["a" * 41, "call with blanks", "é", "call|fc_1"])
def test_long_and_odd_ids_are_shortened_the_same_way_each_time(long: str) -> None:
    (one,) = given_ids(long, kind="short")
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", one)
    assert given_ids(long, kind="short") == [one]


def test_opaque_ids_are_never_touched() -> None:
    assert given_ids("x" * 500 + " é", kind="opaque") == ["x" * 500 + " é"]


def test_nine_means_nine() -> None:
    ids = given_ids("call_abc", "abcdefghi", "call_abd", kind="nine")
    assert ids[1] == "abcdefghi"
    assert all(re.fullmatch(r"[a-zA-Z0-9]{9}", id_) for id_ in ids)
    assert len(set(ids)) == 3


def test_kimi_counts_all_calls() -> None:
    assert given_ids("a", "functions.f:0", "c", kind="indexed") == ["functions.f:0", "functions.f:1", "functions.f:2"]


@given(st.lists(st.text(max_size=60), unique=True, max_size=8), st.sampled_from(["short", "opaque", "nine", "indexed"]))
def test_two_calls_never_share_an_id(ids: list[str], kind: str) -> None:
    assert len(set(given_ids(*ids, kind=kind))) == len(ids)


def test_an_id_that_looks_like_a_shortened_one_is_still_another() -> None:
    (short,) = given_ids("a" * 41, kind="short")
    assert len(set(given_ids("a" * 41, short, kind="short"))) == 2
