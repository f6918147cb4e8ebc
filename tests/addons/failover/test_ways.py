"""Every endpoint with every key."""

from addons.failover.ways import ways
from tests.addons.exchange_simulation import endpoint


def test_each_key_is_a_way_of_its_own_in_order() -> None:
    found = ways([endpoint("a", "k1", "k2"), endpoint("b")])
    assert [(way.provider, way.key) for way in found] == [("a", "k1"), ("a", "k2"), ("b", None)]
    assert [way.account.key == "" for way in found] == [False, False, True]


def test_the_same_key_twice_is_one_way() -> None:
    assert len(ways([endpoint("a", "k1", "k1")])) == 1


def test_a_way_shows_no_key() -> None:
    assert "k-secret" not in repr(ways([endpoint("a", "k-secret")]))
