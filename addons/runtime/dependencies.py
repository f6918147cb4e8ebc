"""Checks Python and the installed libraries before route.py and replay.py import the rest.

This module imports the standard library alone: the scripts are loaded into whichever mitmproxy a person has, from any
folder, and the project need not be installed there.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata, util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_OLDEST_PYTHON = (3, 13)
_REQUIREMENT = re.compile(r"([\w-]+)>=([\d.]+)(?:,<([\d.]+))?")
"""The only form of a requirement that our own pyproject.toml uses."""


def prepare() -> None:
    """Raises SystemExit with one line for the user if Python or a library is missing or does not fit."""
    sys.path[:] = without_addons(sys.path)
    if sys.version_info < _OLDEST_PYTHON:
        sys.exit(f"transcodex needs Python {'.'.join(map(str, _OLDEST_PYTHON))}, this is {sys.version.split()[0]}")
    if problems := list(unfit(dependencies())):
        sys.exit(f"transcodex needs {' and '.join(problems)}: {_remedy()}")


def dependencies() -> list[str]:
    import tomllib  # new in Python 3.11

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["dependencies"])


def without_addons(path: Iterable[str]) -> list[str]:
    """The import path without our `addons` folder.

    mitmproxy adds a script's own folder and leaves it there, so that our packages would hide others of the same name.
    """
    return [folder for folder in path if Path(folder).resolve() != ROOT / "addons"]


def unfit(requirements: Iterable[str]) -> Iterator[str]:
    """The requirements that are not installed, or only in a version that does not fit."""
    for requirement in requirements:
        name, *_ = _parsed(requirement)
        if util.find_spec(name.replace("-", "_")) is None:
            yield requirement
        elif (version := _version(name)) and not fits(requirement, version):
            yield f"{requirement} (this is {version})"


def fits(requirement: str, version: str) -> bool:
    _, lowest, below = _parsed(requirement)
    return _numbers(lowest) <= _numbers(version) < _numbers(below or "999")


def _parsed(requirement: str) -> tuple[str, str, str | None]:
    """Its name, the lowest version that fits, and the first above those that fit."""
    parsed = _REQUIREMENT.fullmatch(requirement)
    assert parsed, requirement
    return parsed[1], parsed[2], parsed[3]


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:  # packaged without metadata: an unknown version is no reason to refuse
        return ""


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:3]]


def _remedy() -> str:
    if getattr(sys, "frozen", False):
        return f"mitmproxy's own binaries cannot load libraries; pip install {ROOT} installs a mitmproxy that can"
    return f"{sys.executable} -m pip install {ROOT}"
