"""The file: whose it is, what of it is read, and what becomes of one that is damaged."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from addons.state import database
from addons.state.database import FILE_NAME, Database, RowName
from converters.jsontext import Json

ROOT = Path(__file__).parents[3]

ROWS: dict[RowName, bytes | None] = {("health", "acme"): b'{"until":1}', ("lessons", "acme m"): b'{"strict":false}'}
FOUND = {("health", "acme"): {"until": 1}, ("lessons", "acme m"): {"strict": False}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "state"


def written(folder: Path, rows: dict[RowName, bytes | None] = ROWS) -> Path:
    file = Database(folder)
    file.write(rows)
    file.close()
    return folder / FILE_NAME


def found(folder: Path) -> dict[RowName, Json]:
    file = Database(folder)
    rows = dict(file.rows())
    file.close()
    return rows


def set_aside(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if ".set-aside-" in path.name]


def test_what_is_written_is_found_again(folder: Path) -> None:
    written(folder)
    written(folder, {("health", "acme"): None, ("health", "other"): b'{"until":2}'})
    assert found(folder) == {("lessons", "acme m"): {"strict": False}, ("health", "other"): {"until": 2}}


def test_only_the_owner_can_read_it(folder: Path) -> None:
    before = os.umask(0)
    try:
        file = Database(folder)
        file.write(ROWS)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        file.close()
    finally:
        os.umask(before)
    assert len(modes) == 3, "with what SQLite keeps beside it"
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_file_that_others_could_read_is_closed_to_them(folder: Path) -> None:
    path = written(folder)
    path.chmod(0o644)
    assert found(folder) == FOUND
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def garbage(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1000)


def damaged(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def of_another_program(path: Path) -> None:
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE recipes (name)")
    other.close()


def too_large(path: Path) -> None:
    with path.open("ab") as file:
        file.truncate(33 << 20)


def folder_in_its_place(path: Path) -> None:
    path.unlink()
    (path / "inner").mkdir(parents=True)


def pipe_in_its_place(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "harm",
    [garbage, damaged, cut, of_another_program, too_large, folder_in_its_place, pipe_in_its_place],
    ids=lambda harm: harm.__name__,
)
def test_what_is_no_database_of_ours_is_set_aside_and_begun_anew(
    folder: Path, caplog: pytest.LogCaptureFixture, harm: Callable[[Path], None]
) -> None:
    harm(written(folder))
    assert found(folder) == {}
    (aside,) = set_aside(folder)
    (message,) = caplog.messages
    assert aside.name in message
    assert FILE_NAME in message
    written(folder)
    assert found(folder) == FOUND
    assert set_aside(folder) == [aside]


def test_what_sqlite_keeps_beside_a_file_goes_with_it(folder: Path) -> None:
    path = written(folder)
    for suffix in ("-wal", "-shm"):
        path.with_name(FILE_NAME + suffix).write_bytes(b"left by a crash")
    database._set_aside(path, database._identity(path), "it is damaged")
    assert len(set_aside(folder)) == 3
    assert found(folder) == {}


def test_a_file_of_another_version_of_ours_is_left_alone(folder: Path) -> None:
    path = written(folder)
    later = sqlite3.connect(path)
    later.execute("PRAGMA user_version = 2")
    later.close()
    with pytest.raises(OSError, match="another version"):
        Database(folder)
    assert set_aside(folder) == []


def test_a_file_that_another_proxy_has_begun_anew_is_not_set_aside(folder: Path) -> None:
    path = written(folder)
    seen = (0, 0)  # the damaged one's, which the other has renamed by now
    database._set_aside(path, seen, "it is damaged")
    assert found(folder) == FOUND


def test_a_file_says_when_it_is_no_longer_in_its_place(folder: Path) -> None:
    file = Database(folder)
    assert file.is_in_place()
    (folder / FILE_NAME).rename(folder / "elsewhere")
    assert not file.is_in_place()
    Database(folder).close()
    assert not file.is_in_place()
    file.close()


def test_rows_that_cannot_be_read_are_left_out(folder: Path) -> None:
    path = written(folder)
    other = sqlite3.connect(path)
    now = time.time()
    bad = [b"{", b"[1]", b"\xff", 7, None, b'{"long":"%b"}' % (b"x" * 70_000), b'{"a":' * 5000]
    other.executemany("INSERT INTO rows VALUES ('health', ?, ?, ?)", [(str(n), row, now) for n, row in enumerate(bad)])
    other.execute("INSERT INTO rows VALUES (?, ?, ?, ?)", (b"\xfe", b"\xff", b"{}", now))
    other.execute("INSERT INTO rows VALUES ('health', CAST(? AS TEXT), ?, ?)", (b"\xff", b"{}", now))
    other.commit()
    other.close()
    assert {name: row for name, row in found(folder).items() if row} == FOUND


def test_a_file_stays_small(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_MOST_ROWS", 5)
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.0)
    written(folder, {("health", "old"): b"{}"})
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.0 + 89 * 86400)
    written(folder, {("health", f"{number}"): b"{}" for number in range(4)})
    assert len(found(folder)) == 5
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.0 + 91 * 86400)
    assert ("health", "old") not in found(folder)
    written(folder, {("lessons", f"{number}"): b"{}" for number in range(5)})
    assert {table for table, _ in found(folder)} == {"lessons"}
    connection = sqlite3.connect(folder / FILE_NAME)
    assert connection.execute("SELECT count(*) FROM rows").fetchone() == (5,)
    connection.close()


def test_a_batch_is_written_as_a_whole_or_not_at_all(folder: Path) -> None:
    file = Database(folder)
    impossible: dict[RowName, bytes | None] = {("health", "other"): b"{}", ("health", "bad"): {}}  # type: ignore[dict-item]
    with pytest.raises(sqlite3.Error):
        file.write(impossible)
    file.write({("health", "acme"): b"{}"})
    assert [name for name, _ in file.rows()] == [("health", "acme")]
    file.close()


WRITER = """
import sys
from pathlib import Path
from addons.state.database import Database
file, number, most = Database(Path(sys.argv[1])), 0, int(sys.argv[3])
while number < most:
    number += 1
    file.write({("health", f"{sys.argv[2]}{key}"): b'{"number":%d}' % number for key in range(20)})
file.close()
"""


def writer(folder: Path, name: str, most: int) -> subprocess.Popen[bytes]:
    """Another process that writes so many batches."""
    return subprocess.Popen([sys.executable, "-c", WRITER, str(folder), name, str(most)], cwd=ROOT)


def test_a_process_that_is_killed_while_two_write_leaves_whole_batches(folder: Path) -> None:
    other, file = writer(folder, "k", 10**9), Database(folder)
    while other.poll() is None and dict(file.rows()).get(("health", "k0"), {}).get("number", 0) < 50:
        file.write({("lessons", "ours"): b"{}"})
    other.kill()
    assert other.wait() == -signal.SIGKILL
    file.close()
    rows = found(folder)
    assert rows.pop(("lessons", "ours")) == {}
    assert len(rows) == 20
    assert len({row["number"] for row in rows.values()}) == 1
    assert set_aside(folder) == []


def test_several_processes_may_begin_the_same_file(folder: Path) -> None:
    writers = [writer(folder, name, 5) for name in "abc"]
    assert [process.wait() for process in writers] == [0, 0, 0]
    assert {key[0] for _, key in found(folder)} == {"a", "b", "c"}
    assert set_aside(folder) == []


def test_another_proxy_may_make_the_file_while_it_is_looked_at(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    look, another = database._pragma, threading.Thread(target=written, args=(folder,))

    def and_meanwhile(connection: sqlite3.Connection, name: str) -> object:
        value = look(connection, name)
        if name == "application_id" and another.ident is None:
            another.start()
            another.join(0.2)  # it has written all, or waits for us
        return value

    folder.mkdir(parents=True)
    (folder / FILE_NAME).touch()  # by a third one
    monkeypatch.setattr(database, "_pragma", and_meanwhile)
    Database(folder).close()
    another.join()
    assert found(folder) == FOUND
    assert caplog.text == ""
