"""A folder that keeps the last exchanges as cases, and never more than it may: the oldest go first."""

import re
from collections import deque
from pathlib import Path
from typing import NamedTuple

from addons import folder_of_texts
from addons.case import Case

_KEPT = re.compile(r"\d{8}-\d{6}-")


class _Kept(NamedTuple):
    name: str
    folder: Path
    size: int


class Shelf:
    """`<folder>/<protocol>/<time>-<id>`. One writer at a time; all methods block."""

    def __init__(self, folder: Path, *, most_bytes: int, most: int) -> None:
        """Raises OSError where nothing can be written."""
        self._folder, self._most_bytes, self._most = folder, most_bytes, most
        folder.mkdir(parents=True, exist_ok=True)
        ignored = folder / ".gitignore"
        if not ignored.exists():
            ignored.write_text("*\n")  # it holds somebody's work
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
