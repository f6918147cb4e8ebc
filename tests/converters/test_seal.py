"""State that the client carries for the upstream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import seal

PAYLOADS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(PAYLOADS)
def test_a_seal_gives_its_payload_back(payload: object) -> None:
    sealed = seal.wrap("chat", payload)
    assert seal.is_ours(sealed)
    assert seal.unwrap("chat", sealed) == payload


def test_a_seal_of_another_family_is_closed() -> None:
    assert seal.unwrap("anthropic", seal.wrap("chat", {"a": 1})) is None


@pytest.mark.parametrize("foreign", [None, "", "gAAAAABo", "tcx1.chat", "tcx1.chat.", "tcx1.chat.%%%", "tcx2.chat.e30"])
def test_what_is_not_a_seal_is_none(foreign: str | None) -> None:
    assert seal.unwrap("chat", foreign) is None


def test_a_truncated_seal_is_none_or_never_wrong() -> None:
    sealed = seal.wrap("chat", {"text": "x" * 50})
    assert {seal.unwrap("chat", sealed[:cut]) is None for cut in range(len(sealed))} == {True}
