import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from addons.cases import atomic_dir

FILES = {"a.json": b"{}\n", "b.sse": b"data: 1\r\n\r\n"}


def test_what_is_written_is_read_byte_for_byte(tmp_path: Path) -> None:
    atomic_dir.write(tmp_path / "chat" / "one", FILES)
    assert atomic_dir.read(tmp_path / "chat" / "one") == FILES
    assert [path.name for path in (tmp_path / "chat").iterdir()] == ["one"]


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        atomic_dir.write(tmp_path / "one", FILES)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "one").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "one").iterdir()} == {0o600}


def test_what_a_link_points_to_stays(tmp_path: Path) -> None:
    atomic_dir.write(tmp_path / "theirs", FILES)
    for name in ("link", "other"):
        (tmp_path / name).symlink_to(tmp_path / "theirs")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("link", "dangling"):
        with pytest.raises(FileExistsError):
            atomic_dir.write(tmp_path / name, {"c": b""})
    atomic_dir.write(tmp_path / "link", {"c": b""}, replacing=True)
    atomic_dir.remove(tmp_path / "other")
    assert atomic_dir.read(tmp_path / "theirs") == FILES
    assert atomic_dir.read(tmp_path / "link") == {"c": b""}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "link", "theirs"]


def test_a_folder_that_is_there_is_replaced_only_on_request(tmp_path: Path) -> None:
    atomic_dir.write(tmp_path / "one", FILES)
    with pytest.raises(FileExistsError, match="one exists"):
        atomic_dir.write(tmp_path / "one", {"c": b""})
    assert atomic_dir.read(tmp_path / "one") == FILES
    atomic_dir.write(tmp_path / "one", {"c": b""}, replacing=True)
    assert atomic_dir.read(tmp_path / "one") == {"c": b""}


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        atomic_dir.write(tmp_path / "one", {"a": b"", "no/such/folder": b""})
    assert list(tmp_path.iterdir()) == []


def test_no_folder_holds_no_files(tmp_path: Path) -> None:
    assert atomic_dir.read(tmp_path / "none") == {}


def test_a_removed_folder_is_gone(tmp_path: Path) -> None:
    atomic_dir.write(tmp_path / "one", FILES)
    atomic_dir.remove(tmp_path / "one")
    assert list(tmp_path.iterdir()) == []


WRITER = """
import sys
from pathlib import Path
from addons.cases import atomic_dir
number = 0
while True:
    number += 1
    atomic_dir.write(Path(sys.argv[1]) / f"case-{number % 5}", {f"{i}": b"x" * 4096 for i in range(5)}, replacing=True)
    print(number, flush=True)
"""


@pytest.mark.parametrize("writes", [1, 2, 3, 7, 20])
def test_a_killed_writer_leaves_complete_folders_only(tmp_path: Path, writes: int) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        for _ in range(writes):
            writer.stdout.readline()
        time.sleep(0.0007 * writes)  # somewhere in the next ones
        writer.send_signal(signal.SIGKILL)
    atomic_dir.sweep(tmp_path)
    left = [atomic_dir.read(folder) for folder in tmp_path.iterdir()]
    assert left
    assert all(files == {f"{i}": b"x" * 4096 for i in range(5)} for files in left)
