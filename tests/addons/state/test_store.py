"""Rows that are remembered while the program runs."""

from addons.state.store import LateStore, MemoryStore


def test_the_latest_value_of_a_row_is_remembered() -> None:
    store = MemoryStore()
    store.put("health", "acme", {"until": 1})
    store.put("health", "acme", {"until": 2})
    store.put("health", "other", {"until": 3})
    assert store.load("health") == {"acme": {"until": 2}, "other": {"until": 3}}


def test_a_row_can_be_forgotten_once_or_twice() -> None:
    store = MemoryStore()
    store.put("health", "acme", {"until": 1})
    store.put("health", "acme", None)
    store.put("health", "acme", None)
    assert store.load("health") == {}


def test_tables_are_apart() -> None:
    store = MemoryStore()
    store.put("health", "acme", {"until": 1})
    assert store.load("lessons") == {}


def test_what_is_loaded_does_not_change_the_store() -> None:
    store = MemoryStore()
    store.put("health", "acme", {"until": 1})
    store.load("health").clear()
    assert store.load("health") == {"acme": {"until": 1}}


class Closed(MemoryStore):
    closed = False

    def close(self) -> None:
        self.closed = True


def test_a_store_can_be_used_before_it_is_opened_and_after_it_is_closed() -> None:
    store, opened = LateStore(), Closed()
    opened.put("health", "acme", {"until": 1})
    store.put("health", "early", {"until": 0})
    assert store.load("health") == {"early": {"until": 0}}
    store.open(opened)
    store.put("health", "acme", {"until": 2})
    assert store.load("health") == opened.load("health") == {"acme": {"until": 2}}
    store.close()
    assert opened.closed
    store.put("health", "late", {"until": 3})
    assert opened.load("health") == {"acme": {"until": 2}}
