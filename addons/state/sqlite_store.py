"""Remembers in a file, which a thread of its own reads and writes: the event loop never waits for a disk.

Where the file cannot be used (a folder that is not writable, a full disk, a lock that is never released), this is said
once and memory alone remembers; the file gets what it lacks when it can be used again.
"""

import logging
import sqlite3
import threading
from pathlib import Path

import orjson

from addons.runtime.printable import printable
from addons.state.database import Database, RowName
from converters.jsontext import Json

logger = logging.getLogger(__name__)

_OPEN_SECONDS = 1.0
"""That the start waits for the rows at most; it takes milliseconds, but for a file that others hold."""

_BATCH_SECONDS = 0.5
"""In which more may be put, before a batch is written. So much is lost where the program is killed."""

_RETRY_SECONDS = 30.0
_CLOSE_SECONDS = 3.0


class SqliteStore:
    """Each row that is not written yet waits with its last value alone, so that what waits cannot grow."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: dict[RowName, Json] = {}
        self._unwritten: dict[RowName, bytes | None] = {}
        self._closing = False
        self._changed = threading.Condition()
        """Guards the three above."""

        self._was_opened = threading.Event()
        """Or could not be."""

        self._has_warned = False
        self._thread = threading.Thread(target=self._run, name="state", daemon=True)
        self._thread.start()

    def load(self, table: str) -> dict[str, Json]:
        self._was_opened.wait(_OPEN_SECONDS)
        with self._changed:
            return {key: row for (name, key), row in self._rows.items() if name == table}

    def put(self, table: str, key: str, value: Json | None) -> None:
        name = table, key
        with self._changed:
            if value is None:
                self._rows.pop(name, None)
                self._unwritten[name] = None
            else:
                self._rows[name] = value
                self._unwritten[name] = orjson.dumps(value)
            if len(self._unwritten) == 1:
                self._changed.notify()

    def changes(self, table: str) -> dict[str, Json | None]:
        """Those who share the file read it when they start."""
        return {}

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(_CLOSE_SECONDS)

    # --- in the thread ---

    def _run(self) -> None:
        while True:
            try:
                if self._use(Database(self._folder)):
                    return
                continue
            except (OSError, sqlite3.Error, ValueError) as error:  # ValueError: no path at all
                self._warn(error)
            finally:
                self._was_opened.set()
            with self._changed:
                if self._changed.wait_for(lambda: self._closing, _RETRY_SECONDS):
                    return

    def _use(self, database: Database) -> bool:
        """Until the store is closed; or until somebody removed the file, False then."""
        try:
            self._read(database)
            self._was_opened.set()
            while batch := self._next_batch():
                if not self._write(database, batch):
                    return False
        finally:
            database.close()
        return True

    def _read(self, database: Database) -> None:
        found = dict(database.rows())
        with self._changed:
            if database.is_new:  # also in the middle of our life, where the one before it was damaged or removed
                known: dict[RowName, bytes | None] = {name: orjson.dumps(row) for name, row in self._rows.items()}
                self._unwritten = known | self._unwritten
            self._rows = {name: row for name, row in found.items() if name not in self._unwritten} | self._rows

    def _next_batch(self) -> dict[RowName, bytes | None]:
        """Waits for changes, and then for more; nothing once the store is closed and all is written."""
        with self._changed:
            self._changed.wait_for(lambda: self._unwritten or self._closing)
            self._changed.wait_for(lambda: self._closing, _BATCH_SECONDS)
            batch, self._unwritten = self._unwritten, {}
            return batch

    def _write(self, database: Database, batch: dict[RowName, bytes | None]) -> bool:
        """False where the file is no longer in its place; what is not written waits for another try."""
        is_written = False
        try:
            if database.is_in_place():
                database.write(batch)
                is_written = True
        finally:
            if not is_written:
                with self._changed:
                    self._unwritten = batch | self._unwritten
        return is_written

    def _warn(self, error: Exception) -> None:
        if not self._has_warned:
            self._has_warned = True
            where, why = printable(str(self._folder)), printable(str(error))
            logger.warning("state: %s cannot be used, so what is learned lasts until the end: %s", where, why)
