"""The file of rows: an SQLite database that several proxies may have open. Everything here blocks.

It says whose it is (`application_id`) and of which form (`user_version`). One that is damaged, or is somebody else's,
is renamed and begun anew; one of another version of ours is left alone.
"""

import contextlib
import logging
import os
import sqlite3
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import orjson

from addons.runtime.printable import printable
from converters.jsontext import Json

logger = logging.getLogger(__name__)

type RowName = tuple[str, str]
"""Table and key."""

FILE_NAME = "state.sqlite3"

_APPLICATION = 0x74726378  # "trcx"
_FORM = 1
_FILE_MODE, _FOLDER_MODE = 0o600, 0o700

_LARGEST_FILE = 32 << 20
_MOST_ROWS = 10_000
_LARGEST_ROW = 64 << 10
_KEPT_DAYS = 90
"""Bytes, rows and days: a file stays small, since what is older or too much is removed as it is opened."""

_BUSY_SECONDS = 2.0
"""That another proxy may take for what it writes."""

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class _NotOurs(Exception):
    """What stands at the path is no database of ours; the text says what it is."""


class Database:
    """An open file. What is done with it raises sqlite3.Error or OSError where it cannot be done."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
        self._path = folder / FILE_NAME
        self._connection, self.is_new = _opened(self._path)
        self._file = _identity(self._path)

    def close(self) -> None:
        self._connection.close()

    def is_in_place(self) -> bool:
        """Whether it still is what stands at its path; somebody may have renamed or removed it."""
        return _identity(self._path) == self._file

    def rows(self) -> Iterator[tuple[RowName, Json]]:
        """The latest rows; those that cannot be read, or are too large, are left out."""
        found = self._connection.execute(
            "SELECT name, key, value FROM rows WHERE length(value) <= ? ORDER BY updated DESC LIMIT ?",
            (_LARGEST_ROW, _MOST_ROWS),
        )
        for name, key, value in found:
            with contextlib.suppress(orjson.JSONDecodeError, TypeError):
                if isinstance(row := orjson.loads(value), dict) and isinstance(name, str) and isinstance(key, str):
                    yield (name, key), row

    def write(self, rows: Mapping[RowName, bytes | None]) -> None:
        """All of them, or none."""
        removed = [name for name, value in rows.items() if value is None]
        kept = [(*name, value, time.time()) for name, value in rows.items() if value is not None]
        with _transaction(self._connection) as connection:
            connection.executemany("DELETE FROM rows WHERE name = ? AND key = ?", removed)
            connection.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)", kept)


def _opened(path: Path) -> tuple[sqlite3.Connection, bool]:
    """The connection, and whether the file is new."""
    before = _identity(path)
    try:
        return _opened_if_ours(path)
    except _NotOurs as reason:
        _set_aside(path, before, str(reason))
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF not in _DAMAGED:
            raise
        _set_aside(path, before, "it is damaged, or no database")
    return _opened_if_ours(path)


def _opened_if_ours(path: Path) -> tuple[sqlite3.Connection, bool]:
    _make_private_file(path)
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    try:
        return connection, _prepare(connection)
    except BaseException:
        connection.close()
        raise


def _make_private_file(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        there = path.stat()
        if not stat.S_ISREG(there.st_mode):
            raise _NotOurs("it is no file")
        if there.st_size > _LARGEST_FILE:
            raise _NotOurs("it is too large")
        if there.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            path.chmod(_FILE_MODE)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, _FILE_MODE))


def _prepare(connection: sqlite3.Connection) -> bool:
    """Makes what is missing of it, and removes what is too old or too much; returns whether it was empty."""
    with _transaction(connection):  # from the first look on: another proxy may be about to make it
        is_new = _is_new(connection)
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {_FORM}")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS rows"
            " (name TEXT, key TEXT, value BLOB, updated REAL, PRIMARY KEY (name, key)) WITHOUT ROWID"
        )
        connection.execute("DELETE FROM rows WHERE updated < ?", (time.time() - _KEPT_DAYS * 86400,))
        connection.execute(
            "DELETE FROM rows WHERE (name, key) IN"
            " (SELECT name, key FROM rows ORDER BY updated DESC LIMIT -1 OFFSET ?)",
            (_MOST_ROWS,),
        )
    with contextlib.suppress(sqlite3.OperationalError):  # it needs the file for itself; another proxy may be at it
        _pragma(connection, "journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # in WAL this keeps the file whole, whenever the power goes
    connection.execute("PRAGMA journal_size_limit = 1048576")
    return is_new


def _is_new(connection: sqlite3.Connection) -> bool:
    """Raises _NotOurs or OSError for what must not be used."""
    application, form = _pragma(connection, "application_id"), _pragma(connection, "user_version")
    is_new = application == 0 and not connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    if not is_new and application != _APPLICATION:
        raise _NotOurs("it is the database of another program")
    if form not in (0, _FORM):
        raise OSError("it is of another version of transcodex")
    if _pragma(connection, "quick_check(1)") != "ok":
        raise _NotOurs("it is damaged")
    return is_new


def _pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # such as on a full disk, where SQLite has done so itself
            connection.execute("ROLLBACK")
        raise


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        there = path.stat()
    except OSError:
        return None
    return there.st_dev, there.st_ino


def _set_aside(path: Path, seen: tuple[int, int] | None, reason: str) -> None:
    """Renames it, unless another proxy was faster and has begun a new one at its place."""
    if _identity(path) != seen:
        return
    aside = path.with_name(f"{path.name}.set-aside-{time.time_ns()}")
    for suffix in ("-wal", "-shm", ""):  # what was not written into it yet belongs to it, and must not get into the new
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    logger.warning("state: %s is begun anew: %s; it was renamed to %s", printable(str(path)), reason, aside.name)
