"""A folder of files that is there as a whole or not at all, also when the machine stops in the middle of writing it.

It is written under a hidden name beside its place, brought to disk, and renamed. What a crash leaves behind has a
hidden name, which `sweep` removes. Nobody but its owner can read it, and no symbolic link is followed: what one points
to is neither written nor removed.
"""

import os
import shutil
from pathlib import Path
from uuid import uuid4

_UNFINISHED = ".unfinished-"
_OWNERS_FOLDER = 0o700
_OWNERS_FILE = 0o600


def read(folder: Path) -> dict[str, bytes]:
    """file name -> content; {} where there is no such folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())} if folder.is_dir() else {}


def write(folder: Path, files: dict[str, bytes], *, replacing: bool = False) -> None:
    """Raises FileExistsError where there is something that is not to be replaced."""
    if os.path.lexists(folder) and not replacing:
        raise FileExistsError(f"{folder} exists")
    folder.parent.mkdir(_OWNERS_FOLDER, parents=True, exist_ok=True)
    unfinished = _hidden(folder)
    unfinished.mkdir(_OWNERS_FOLDER)
    try:
        for name, data in files.items():
            write_file(unfinished / name, data)
        _bring_to_disk(unfinished)
        _put_in_place(unfinished, folder)
        _bring_to_disk(folder.parent)
    finally:
        _discard(unfinished)


def remove(folder: Path) -> None:
    """Removes it as a whole: a reader finds all of it or nothing."""
    gone = _hidden(folder)
    folder.rename(gone)
    _discard(gone)


def sweep(parent: Path) -> None:
    """Removes what writers left that were killed. Only where nobody is writing."""
    for left in parent.glob(f"{_UNFINISHED}*") if parent.is_dir() else ():
        _discard(left)


def write_file(path: Path, data: bytes) -> None:
    """A new file that nobody but its owner can read, brought to disk. Raises FileExistsError if there is anything."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL  # which does not follow a link
    with os.fdopen(os.open(path, flags, _OWNERS_FILE), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _discard(folder: Path) -> None:
    """Of a link, the link alone."""
    if folder.is_symlink():
        folder.unlink(missing_ok=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _hidden(folder: Path) -> Path:
    return folder.with_name(f"{_UNFINISHED}{uuid4().hex}")


def _put_in_place(unfinished: Path, folder: Path) -> None:
    old = _hidden(folder)
    if os.path.lexists(folder):
        folder.rename(old)
    unfinished.rename(folder)
    _discard(old)


def _bring_to_disk(folder: Path) -> None:
    """The names in it: on disk, a file without its folder's entry is lost."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows has no such thing to flush
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
