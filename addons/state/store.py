"""Rows of JSON by table and key: what is remembered beyond the proxy's life, wherever that is kept."""

from collections.abc import Mapping
from typing import Protocol

from converters.jsontext import Json


class StateStore(Protocol):
    """Who remembers something works in memory, says here what changed, and asks here at its start.

    No method raises, and none waits for a disk or a network: a store that fails says so in the log, once.
    """

    def load(self, table: str) -> Mapping[str, Json]:
        """The rows of a table by key, as they were when the store was opened, and as `put` changed them."""

    def put(self, table: str, key: str, value: Json | None) -> None:
        """Remembers the value in place of an earlier one; None forgets the row."""

    def changes(self, table: str) -> Mapping[str, Json | None]:
        """What other proxies put since the last call, or since `load`; None for a row that they forgot."""

    def close(self) -> None:
        """Writes what is not written yet, as far as that is possible within seconds."""


class MemoryStore:
    """Remembers until the program ends."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, Json]] = {}

    def load(self, table: str) -> dict[str, Json]:
        return dict(self._tables.get(table, {}))

    def put(self, table: str, key: str, value: Json | None) -> None:
        rows = self._tables.setdefault(table, {})
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value

    def changes(self, table: str) -> dict[str, Json | None]:
        """Nobody else knows it."""
        return {}

    def close(self) -> None:
        """There is nothing to write."""


class LateStore:
    """A store that can be handed out before it is opened: until then it is memory alone."""

    def __init__(self) -> None:
        self._store: StateStore = MemoryStore()

    def open(self, store: StateStore) -> None:
        """Uses this store from now on, and closes the one before it."""
        before, self._store = self._store, store
        before.close()

    def load(self, table: str) -> Mapping[str, Json]:
        return self._store.load(table)

    def put(self, table: str, key: str, value: Json | None) -> None:
        self._store.put(table, key, value)

    def changes(self, table: str) -> Mapping[str, Json | None]:
        return self._store.changes(table)

    def close(self) -> None:
        self.open(MemoryStore())
