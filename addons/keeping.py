"""A folder that keeps the last exchanges as cases, and never more than it may: the oldest go first."""

import re
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

if sys.platform != "win32":
    import fcntl

from addons import folder_of_texts
from addons.case import Case

_LOCK = ".lock"
_KEPT = re.compile(r"\d{8}-\d{6}-")


class _Kept(NamedTuple):
    name: str
    folder: Path
    size: int


def prepare(folder: Path) -> None:
    """Makes the folder one that git does not see: it will hold somebody's work. Raises OSError where it cannot."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _LOCK).touch()
    if not (folder / ".gitignore").exists():
        (folder / ".gitignore").write_text("*\n")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Waits until no other process writes into the folder."""
    with (folder / _LOCK).open("wb") as lock:
        if sys.platform != "win32":  # it has no flock
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Shelf:
    """`<folder>/<protocol>/<time>-<id>`, in a prepared folder. Only one may write; all methods block."""

    def __init__(self, folder: Path, *, most_bytes: int, most: int) -> None:
        self._folder, self._most_bytes, self._most = folder, most_bytes, most
        for protocol in self._protocols():
            folder_of_texts.sweep(protocol)
        found = [_Kept(one.name, one, _size(one)) for protocol in self._protocols() for one in protocol.iterdir()]
        self._kept = deque(sorted(one for one in found if _KEPT.match(one.name)))
        self._total = sum(one.size for one in self._kept)
        self._make_room()

    def put(self, case: Case, name: str) -> Path:
        """`name` begins with the time, so that names are in the order of age: `20261121-093000-...`.

        Raises:
            OSError: it cannot be written.
        """
        folder = self._folder / case.notes.route.protocol / name
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
            if oldest.folder.exists():
                folder_of_texts.remove(oldest.folder)

    def _protocols(self) -> list[Path]:
        return [path for path in self._folder.iterdir() if path.is_dir() and not path.name.startswith(".")]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir()) if folder.is_dir() else 0
