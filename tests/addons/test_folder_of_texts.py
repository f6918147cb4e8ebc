import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from addons import folder_of_texts

FILES = {"a.json": b"{}\n", "b.sse": b"data: 1\r\n\r\n"}


def test_what_is_written_is_read_byte_for_byte(tmp_path: Path) -> None:
    folder_of_texts.write(tmp_path / "chat" / "one", FILES)
    assert folder_of_texts.read(tmp_path / "chat" / "one") == FILES
    assert [path.name for path in (tmp_path / "chat").iterdir()] == ["one"]


def test_a_folder_that_is_there_is_replaced_only_on_request(tmp_path: Path) -> None:
    folder_of_texts.write(tmp_path / "one", FILES)
    with pytest.raises(FileExistsError, match="one exists"):
        folder_of_texts.write(tmp_path / "one", {"c": b""})
    assert folder_of_texts.read(tmp_path / "one") == FILES
    folder_of_texts.write(tmp_path / "one", {"c": b""}, replacing=True)
    assert folder_of_texts.read(tmp_path / "one") == {"c": b""}


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        folder_of_texts.write(tmp_path / "one", {"a": b"", "no/such/folder": b""})
    assert list(tmp_path.iterdir()) == []


def test_no_folder_holds_no_files(tmp_path: Path) -> None:
    assert folder_of_texts.read(tmp_path / "none") == {}


def test_a_removed_folder_is_gone(tmp_path: Path) -> None:
    folder_of_texts.write(tmp_path / "one", FILES)
    folder_of_texts.remove(tmp_path / "one")
    assert list(tmp_path.iterdir()) == []


WRITER = """
import sys
from pathlib import Path
from addons import folder_of_texts
number = 0
while True:
    number += 1
    folder_of_texts.write(Path(sys.argv[1]) / f"case-{number % 5}", {f"{i}": b"x" * 4096 for i in range(5)}, replacing=True)
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
    folder_of_texts.sweep(tmp_path)
    left = [folder_of_texts.read(folder) for folder in tmp_path.iterdir()]
    assert left
    assert all(files == {f"{i}": b"x" * 4096 for i in range(5)} for files in left)
