"""A Python with the oldest or the newest mitmproxy that pyproject.toml allows, for the unit tests of addons/.

    python scripts/other_mitmproxy.py (oldest | newest) FOLDER

What mitmproxy wants comes within its own bounds, the rest in the versions of constraints.txt.
"""

import re
import subprocess
import sys
import venv
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path

from addons.runtime.dependencies import ROOT, dependencies

TOOLS = ["pytest", "pytest-xdist", "pytest-asyncio", "hypothesis", "redis"]
UNBOUND = {"certifi"}
"""mitmproxy 12.3 wants certificates that are newer than all that were published by 2026-11: then any must do."""


def chosen(which: str, allowed: str) -> str:
    """What pip is asked for: the range, whose newest it takes, or its lower end."""
    return allowed if which == "newest" else allowed.partition(",")[0].replace(">=", "==")


def name_of(requirement: str) -> str:
    """As registries compare names."""
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def wanted(requirements: Iterable[str]) -> list[str]:
    """Those without extras, bounded but for what nothing could fit."""
    always = [requirement for requirement in requirements if "extra ==" not in requirement]
    return [name_of(requirement) if name_of(requirement) in UNBOUND else requirement for requirement in always]


def pinned(pins: Iterable[str], names: Iterable[str]) -> list[str]:
    return [pin for pin in pins if name_of(pin) in set(names)]


def installed(folder: Path) -> Distribution:
    libraries = [str(path) for path in folder.glob("lib/python*/site-packages")]
    (found,) = distributions(name="mitmproxy", path=libraries)
    return found


def make(which: str, folder: Path) -> str:
    """Its version."""
    venv.create(folder, with_pip=True, clear=True)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    ours = dependencies()
    (allowed,) = (dependency for dependency in ours if name_of(dependency) == "mitmproxy")
    subprocess.run([*pip, "--no-deps", chosen(which, allowed)], check=True)
    mitmproxy = installed(folder)
    required = wanted(mitmproxy.requires or [])
    rest = [dependency for dependency in ours if dependency != allowed]
    free = {name_of(dependency) for dependency in rest} | set(TOOLS)
    free -= {name_of(requirement) for requirement in required}
    pins = (ROOT / "scripts" / "constraints.txt").read_text().splitlines()
    subprocess.run([*pip, *required, *rest, *pinned(pins, free)], check=True)
    return mitmproxy.version


if __name__ == "__main__":
    which, folder = sys.argv[1:]
    print(f"mitmproxy {make(which, Path(folder))}")
