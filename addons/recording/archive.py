"""A folder that keeps the last exchanges as cases, and never more than it may: the oldest go first.

What they say is somebody's work: only its owner can read it. Only what we wrote is counted and removed; what a symbolic
link in the folder points to is left alone.
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

from addons import folder_of_texts
from addons.case import Case

_LOCK = ".lock"
_KEPT = re.compile(r"\d{8}-\d{6}-\d{6}-[\w-]{8,}")
_OWNERS_FOLDER = 0o700


class _Kept(NamedTuple):
    name: str
    folder: Path
    size: int


def prepare(folder: Path) -> None:
    """Makes the folder one that git does not see: it will hold somebody's work. Raises OSError where it cannot."""
    folder.mkdir(_OWNERS_FOLDER, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        folder_of_texts.write_file(folder / _LOCK, b"")
    with suppress(FileExistsError):
        folder_of_texts.write_file(folder / ".gitignore", b"*\n")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Waits until no other process writes into the folder."""
    with os.fdopen(os.open(folder / _LOCK, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0)), "wb") as lock:
        if sys.platform != "win32":  # it has no flock
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Shelf:
    """`<folder>/<protocol>/<time>-<id>`, in a prepared folder. Only one may write; all methods block."""

    def __init__(self, folder: Path, *, most_bytes: int, most: int) -> None:
        self._folder, self._most_bytes, self._most = folder, most_bytes, most
        for protocol in self._protocols():
            folder_of_texts.sweep(protocol)
        ours = [one for protocol in self._protocols() for one in protocol.iterdir() if _is_kept(one)]
        for one in ours:  # an earlier version let others read them
            one.chmod(_OWNERS_FOLDER)
        self._kept = deque(sorted(_Kept(one.name, one, _size(one)) for one in ours))
        self._total = sum(one.size for one in self._kept)
        self._make_room()

    def put(self, case: Case, name: str) -> Path:
        """`name` begins with the time, so that names are in the order of age: `20261121-093000-...`.

        Raises:
            OSError: it cannot be written.
        """
        folder = self._folder / case.notes.route.protocol / name
        if folder.parent.is_symlink():
            raise OSError(f"{folder.parent} is a symbolic link")
        files = case.files()
        folder_of_texts.write(folder, files)
        self._kept.append(_Kept(name, folder, sum(map(len, files.values()))))
        self._total += self._kept[-1].size
        self._make_room()
        return folder

    def _make_room(self) -> None:
        while self._kept and (len(self._kept) > self._most or self._total > self._most_bytes):
            oldest = self._kept.popleft()
            self._total -= oldest.size
            if _is_kept(oldest.folder) and not oldest.folder.parent.is_symlink():
                folder_of_texts.remove(oldest.folder)

    def _protocols(self) -> list[Path]:
        return [path for path in self._folder.iterdir() if _is_folder(path) and not path.name.startswith(".")]


def _is_kept(path: Path) -> bool:
    return bool(_KEPT.fullmatch(path.name)) and _is_folder(path)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.iterdir())
