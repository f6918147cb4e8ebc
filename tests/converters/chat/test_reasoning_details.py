"""Pieces of reasoning details become whole ones."""

from hypothesis import given
from hypothesis import strategies as st

from converters.chat import reasoning_details
from converters.jsontext import Json


def piece(text: str | None = None, index: int = 0, **fields: str) -> Json:
    return {"type": "reasoning.text", "index": index, **({} if text is None else {"text": text}), **fields}


def merged(*pieces: Json, cumulative: bool = False) -> list[Json]:
    return reasoning_details.merged(pieces, cumulative=cumulative)


def test_the_pieces_of_one_text_are_one() -> None:
    assert merged(piece("a"), piece("b"), piece("c")) == [piece("abc")]


def test_a_signature_that_comes_alone_signs_the_text_before_it() -> None:
    assert merged(piece("a", signature=""), piece("b"), piece(signature="s")) == [piece("ab", signature="s")]


def test_what_follows_a_signature_is_another_text() -> None:
    merged_details = merged(piece("a", signature="s"), piece("b", signature="t"))
    assert merged_details == [piece("a", signature="s"), piece("b", signature="t")]


def test_another_index_is_another_text() -> None:
    assert merged(piece("a"), piece("b", 1)) == [piece("a"), piece("b", 1)]


def test_encrypted_details_stay_as_they_are() -> None:
    secret = {"type": "reasoning.encrypted", "data": "x", "index": 0, "id": "rs_1"}
    assert merged(secret, secret) == [secret, secret]


def test_summaries_are_joined_too() -> None:
    one = {"type": "reasoning.summary", "summary": "a", "index": 0, "format": "openai-responses-v1"}
    assert merged(one, one) == [{**one, "summary": "aa"}]


def test_details_without_a_type_are_texts() -> None:
    assert merged({"text": "a"}, {"text": "b"}) == [{"text": "ab"}]


def test_whole_texts_so_far_replace_each_other() -> None:
    assert merged(piece("a"), piece("ab"), piece("abc"), cumulative=True) == [piece("abc")]


def test_the_pieces_themselves_do_not_change() -> None:
    first = piece("a")
    merged(first, piece("b"))
    assert first == piece("a")


@given(st.lists(st.builds(piece, st.text(max_size=3), st.integers(0, 1)), max_size=8))
def test_merging_keeps_the_text_and_is_done_once(pieces: list[Json]) -> None:
    once = merged(*pieces)
    assert reasoning_details.text_of(once) == reasoning_details.text_of(pieces)
    assert merged(*once) == once


def test_only_claudes_unsigned_texts_are_refused() -> None:
    claude = "anthropic-claude-v1"
    assert reasoning_details.is_unsigned_claude(piece("a", format=claude))
    assert not reasoning_details.is_unsigned_claude(piece("a", format=claude, signature="s"))
    assert not reasoning_details.is_unsigned_claude(piece("a", format="unknown"))
    assert not reasoning_details.is_unsigned_claude({"type": "reasoning.encrypted", "data": "x", "format": claude})


def test_pieces_of_no_known_shape_are_left_out() -> None:
    assert reasoning_details.merged(["text", None, piece("a")]) == [piece("a")]
