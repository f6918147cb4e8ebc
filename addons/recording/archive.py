"""A folder that keeps the latest exchanges as cases, up to a number and a size; the oldest are removed first.

They hold somebody's work, so only the owner can read them. Only cases that the archive wrote are counted and removed;
symbolic links in the folder are not followed.
"""

import os
import re
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

if sys.platform != "win32":
    import fcntl

from addons.cases import atomic_dir
from addons.cases.case import Case

_LOCK = ".lock"
_CASE_NAME = re.compile(r"\d{8}-\d{6}-\d{6}-[\w-]{8,}")
_FOLDER_MODE = 0o700


class _Entry(NamedTuple):
    name: str
    folder: Path
    size: int


def prepare_folder(folder: Path) -> None:
    """Makes the folder, which git will ignore, since it will hold somebody's work. Raises OSError where it cannot."""
    folder.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        atomic_dir.write_file(folder / _LOCK, b"")
    with suppress(FileExistsError):
        atomic_dir.write_file(folder / ".gitignore", b"*\n")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder's lock, for which it waits: only one process may write."""
    with os.fdopen(os.open(folder / _LOCK, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0)), "wb") as lock:
        if sys.platform != "win32":  # it has no flock
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Archive:
    """Cases at `<folder>/<protocol>/<time>-<id>`, in a prepared folder that is locked. All methods block."""

    def __init__(self, folder: Path, *, most_bytes: int, most: int) -> None:
        self._folder, self._most_bytes, self._most = folder, most_bytes, most
        for protocol in self._protocols():
            atomic_dir.sweep(protocol)
        folders = [path for protocol in self._protocols() for path in protocol.iterdir() if _is_archived(path)]
        for path in folders:  # an earlier version let others read them
            path.chmod(_FOLDER_MODE)
        self._entries = deque(sorted(_Entry(path.name, path, _size(path)) for path in folders))
        self._total_bytes = sum(entry.size for entry in self._entries)
        self._make_room()

    def put(self, case: Case, name: str) -> Path:
        """`name` begins with the time, so that names sort by age: `20261121-093000-...`.

        Raises:
            OSError: the case cannot be written.
        """
        folder = self._folder / case.metadata.route.protocol / name
        if folder.parent.is_symlink():
            raise OSError(f"{folder.parent} is a symbolic link")
        files = case.files()
        atomic_dir.write(folder, files)
        self._entries.append(_Entry(name, folder, sum(map(len, files.values()))))
        self._total_bytes += self._entries[-1].size
        self._make_room()
        return folder

    def _make_room(self) -> None:
        while self._entries and (len(self._entries) > self._most or self._total_bytes > self._most_bytes):
            oldest = self._entries.popleft()
            self._total_bytes -= oldest.size
            if _is_archived(oldest.folder) and not oldest.folder.parent.is_symlink():
                atomic_dir.remove(oldest.folder)

    def _protocols(self) -> list[Path]:
        """The folders of protocols."""
        return [path for path in self._folder.iterdir() if _is_folder(path) and not path.name.startswith(".")]


def _is_archived(path: Path) -> bool:
    return bool(_CASE_NAME.fullmatch(path.name)) and _is_folder(path)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.iterdir())
