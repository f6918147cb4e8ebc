"""What a client sends back says where its turn was served; whatever else it sends is ignored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.failover import turn_state
from addons.failover.turn_state import TurnState
from addons.routing.account import Account

VISIBLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=500)


@given(st.text(max_size=100), st.from_regex(r"[0-9a-f]{0,12}", fullmatch=True), VISIBLE)
def test_what_is_written_is_read(provider: str, key: str, upstream: str) -> None:
    account = Account(provider, key)
    value = turn_state.prefix(account) + upstream
    assert value.isascii() and value.isprintable()
    assert turn_state.read(value) == TurnState(account, upstream)


def test_a_proxy_behind_a_proxy_keeps_its_own() -> None:
    inner = turn_state.prefix(Account("b", "2")) + "theirs"
    outer = turn_state.read(turn_state.prefix(Account("a", "1")) + inner)
    assert outer == TurnState(Account("a", "1"), inner)
    assert turn_state.read(inner) == TurnState(Account("b", "2"), "theirs")


@given(st.one_of(st.none(), st.text(), st.text().map("tc1.".__add__), st.text().map("tc1.{}.x".format)))
def test_whatever_a_client_makes_up_is_read_or_ignored(value: str | None) -> None:
    found = turn_state.read(value)
    assert found is None or found.upstream.isascii()


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "tc1", "tc1.", "tc1.W10", "tc1.W10.x", "tc2.WyJhIiwiYiJd.x", "tc1.%.x"),
        "tc1.WyJhIiwxXQ.x",  # ["a",1]
        "tc1.WyJhIiwiYiJd.x\r\ny: z",
        "tc1.WyJhIiwiYiJd." + "x" * 9000,
    ],
)
def test_garbage_is_ignored(value: str | None) -> None:
    assert turn_state.read(value) is None
