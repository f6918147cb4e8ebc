"""A folder of files that is there as a whole or not at all, also when the machine stops in the middle of writing it.

It is written under a hidden name beside its place, brought to disk, and renamed. What a crash leaves behind has a
hidden name, which `sweep` removes.
"""

import os
import shutil
from pathlib import Path
from uuid import uuid4

_UNFINISHED = ".unfinished-"


def read(folder: Path) -> dict[str, bytes]:
    """file name -> content; {} where there is no such folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())} if folder.is_dir() else {}


def write(folder: Path, files: dict[str, bytes], *, replacing: bool = False) -> None:
    """Raises FileExistsError where there is something that is not to be replaced."""
    if folder.exists() and not replacing:
        raise FileExistsError(f"{folder} exists")
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = _hidden(folder)
    unfinished.mkdir()
    try:
        for name, data in files.items():
            _write_to_disk(unfinished / name, data)
        _bring_to_disk(unfinished)
        _put_in_place(unfinished, folder)
        _bring_to_disk(folder.parent)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def remove(folder: Path) -> None:
    """Removes it as a whole: a reader finds all of it or nothing."""
    gone = _hidden(folder)
    folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def sweep(parent: Path) -> None:
    """Removes what writers left that were killed. Only where nobody is writing."""
    for left in parent.glob(f"{_UNFINISHED}*") if parent.is_dir() else ():
        shutil.rmtree(left, ignore_errors=True)


def _hidden(folder: Path) -> Path:
    return folder.with_name(f"{_UNFINISHED}{uuid4().hex}")


def _put_in_place(unfinished: Path, folder: Path) -> None:
    old = _hidden(folder)
    if folder.exists():
        folder.rename(old)
    unfinished.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _write_to_disk(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _bring_to_disk(folder: Path) -> None:
    """The names in it: on disk, a file without its folder's entry is lost."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows has no such thing to flush
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
