"""What has to be true before route.py and replay.py can import the rest; this imports the standard library alone.

They are loaded into whichever mitmproxy a person has, from any folder, and nothing of ours is installed there.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata, util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_OLDEST = (3, 13)
_DEPENDENCY = re.compile(r"([\w-]+)>=([\d.]+)(?:,<([\d.]+))?")
"""The form that our own pyproject.toml has, of all that are allowed."""


def prepare() -> None:
    """Raises SystemExit, which is one line for the user, where something lacks."""
    sys.path[:] = without_addons(sys.path)
    if sys.version_info < _OLDEST:
        sys.exit(f"transcodex needs Python {'.'.join(map(str, _OLDEST))}, this is {sys.version.split()[0]}")
    if lacking := list(unfit(dependencies())):
        sys.exit(f"transcodex needs {' and '.join(lacking)}: {_remedy()}")


def dependencies() -> list[str]:
    import tomllib  # which a Python that is too old may not have

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["dependencies"])


def without_addons(path: Iterable[str]) -> list[str]:
    """mitmproxy puts a script's own folder on the path for good, where our modules would hide others of their names:
    the standard library, too, has a `compression` since Python 3.14."""
    return [one for one in path if Path(one).resolve() != ROOT / "addons"]


def unfit(wanted: Iterable[str]) -> Iterator[str]:
    """What this Python lacks, or has in another version than is needed."""
    for dependency in wanted:
        found = _DEPENDENCY.fullmatch(dependency)
        assert found, dependency
        name, least, below = found.groups()
        if util.find_spec(name) is None:
            yield dependency
        elif (version := _version(name)) and not _numbers(least) <= _numbers(version) < _numbers(below or "999"):
            yield f"{dependency} (this is {version})"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:  # a packager left it out: what cannot be known is no reason to refuse
        return ""


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:3]]


def _remedy() -> str:
    if getattr(sys, "frozen", False):
        return f"mitmproxy's own binaries take no libraries; pip install {ROOT} brings a mitmproxy that does"
    return f"{sys.executable} -m pip install {ROOT}"
