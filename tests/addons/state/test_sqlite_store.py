"""A file behind a thread; whatever is wrong with the file, nobody notices but for one line in the log."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from addons.state import database, sqlite_store
from addons.state.database import FILE_NAME, Database
from addons.state.sqlite_store import SqliteStore


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_store, "_BATCH_SECONDS", 0.01)
    monkeypatch.setattr(sqlite_store, "_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.01)


def remembered(folder: Path) -> dict[str, object]:
    """What a proxy finds that starts now."""
    store = SqliteStore(folder)
    rows = store.load("health")
    store.close()
    return dict(rows)


def until(holds: Callable[[], bool]) -> None:
    """A test that fails waits for ten seconds."""
    waiting = threading.Event()
    for _ in range(1000):
        if holds():
            return
        waiting.wait(0.01)
    raise AssertionError("it never came to that")


def in_file(folder: Path) -> dict[str, bytes]:
    connection = sqlite3.connect(folder / FILE_NAME)
    try:
        return dict(connection.execute("SELECT key, value FROM rows").fetchall())
    except sqlite3.OperationalError:  # it has no table yet
        return {}
    finally:
        connection.close()


def test_what_was_put_is_there_after_a_restart(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.put("health", "acme", {"until": 1})
    store.put("health", "acme", {"until": 2})
    store.put("health", "gone", {"until": 3})
    store.put("health", "gone", None)
    store.put("lessons", "acme m", {"strict": False})
    assert store.load("health") == {"acme": {"until": 2}}
    store.close()
    assert remembered(tmp_path) == {"acme": {"until": 2}}


def test_it_is_written_while_the_program_runs(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    for number in range(3):
        store.put("health", "acme", {"until": number})
        until(lambda number=number: in_file(tmp_path) == {"acme": b'{"until":%d}' % number})  # type: ignore[misc]
    store.close()


def test_what_waits_to_be_written_cannot_grow(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = SqliteStore(tmp_path / "file")
    for number in range(10_000):
        store.put("health", f"{number % 10}", {"until": number})
    assert len(store._unwritten) == 10
    store.close()


def test_two_proxies_write_into_one_file(tmp_path: Path) -> None:
    stores = [SqliteStore(tmp_path) for _ in range(2)]
    for number in range(50):
        for name, store in enumerate(stores):
            store.put("health", f"{name}", {"until": number})
    for store in stores:
        store.close()
    assert remembered(tmp_path) == {"0": {"until": 49}, "1": {"until": 49}}


def test_a_later_value_of_another_proxy_is_not_written_over(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path)
    first.put("health", "acme", {"until": 1})
    until(lambda: bool(in_file(tmp_path)))
    second = SqliteStore(tmp_path)
    second.put("health", "acme", {"until": 2})
    second.close()
    first.put("health", "other", {"until": 3})
    first.close()
    assert remembered(tmp_path) == {"acme": {"until": 2}, "other": {"until": 3}}


@pytest.mark.parametrize("place", ["file/below", "null\0"])
def test_a_folder_that_cannot_be_used_costs_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    (tmp_path / "file").write_text("")
    store = SqliteStore(tmp_path / place)
    assert store.load("health") == {}
    store.put("health", "acme", {"until": 1})
    threading.Event().wait(0.1)  # in which it tries again
    assert store.load("health") == {"acme": {"until": 1}}
    store.close()
    (message,) = caplog.messages
    assert "cannot be used" in message


def test_what_could_not_be_written_is_written_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "state"
    folder.write_text("")
    store = SqliteStore(folder)
    store.put("health", "acme", {"until": 1})
    until(lambda: bool(caplog.messages))
    folder.unlink()
    until(lambda: folder.is_dir() and (folder / FILE_NAME).exists())
    store.close()
    assert remembered(folder) == {"acme": {"until": 1}}


def test_a_file_that_is_locked_for_ever_costs_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Database(tmp_path).close()
    other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store = SqliteStore(tmp_path)
    assert store.load("health") == {}
    store.put("health", "acme", {"until": 1})
    threading.Event().wait(0.1)  # in which it tries again
    store.close()
    assert not store._thread.is_alive()
    (message,) = caplog.messages
    assert "locked" in message
    other.close()


def test_a_disk_that_fills_up_costs_one_warning_and_is_written_when_it_has_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Database.write
    has_room = threading.Event()

    def full(file: Database, rows: dict[tuple[str, str], bytes | None]) -> None:
        if not has_room.is_set():
            file._connection.execute("PRAGMA max_page_count = 1")  # where SQLite says that the disk is full
        write(file, rows)

    monkeypatch.setattr(Database, "write", full)
    store = SqliteStore(tmp_path)
    store.put("health", "acme", {"text": "x" * 50_000})
    until(lambda: bool(caplog.messages))
    threading.Event().wait(0.05)  # in which it tries again
    has_room.set()
    until(lambda: bool(in_file(tmp_path)))
    store.close()
    (message,) = caplog.messages
    assert "full" in message


def test_a_file_that_somebody_removes_is_made_again_with_all_rows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = SqliteStore(tmp_path)
    store.put("health", "acme", {"until": 1})
    until(lambda: bool(in_file(tmp_path)))
    for path in tmp_path.iterdir():
        path.unlink()
    store.put("health", "other", {"until": 2})
    store.close()
    assert remembered(tmp_path) == {"acme": {"until": 1}, "other": {"until": 2}}
    assert caplog.messages == []


def test_a_thread_that_hangs_does_not_hold_up_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_store, "_CLOSE_SECONDS", 0.01)
    monkeypatch.setattr(sqlite_store, "_OPEN_SECONDS", 0.01)
    goes_on, opened = threading.Event(), database._opened

    def hanging(path: Path) -> tuple[sqlite3.Connection, bool]:
        goes_on.wait()
        return opened(path)

    monkeypatch.setattr(database, "_opened", hanging)
    store = SqliteStore(tmp_path)
    store.put("health", "acme", {"until": 1})
    assert store.load("health") == {"acme": {"until": 1}}
    store.close()
    assert store._thread.is_alive()
    goes_on.set()
    store._thread.join()
    assert in_file(tmp_path) == {"acme": b'{"until":1}'}
