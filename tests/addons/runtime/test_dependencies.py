"""route.py and replay.py are loaded by any mitmproxy that fits, from any folder, with nothing of ours installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from addons.runtime.dependencies import ROOT, dependencies, fits, unfit, without_addons

MITMDUMP = Path(sys.executable).with_name("mitmdump")


def started(script: str | Path, cwd: Path, python_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs mitmdump with the script; `--options` makes it print its options and exit."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "PYTHONPATH": str(python_path)}
    command = [str(MITMDUMP), "-s", str(script), "--set", f"confdir={python_path}", *options]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder on Python's path that has packages of the same names as ours."""
    for name in ("addons", "converters"):
        (tmp_path / "foreign" / name).mkdir(parents=True)
        (tmp_path / "foreign" / name / "__init__.py").write_text("raise ValueError('this is not ours')\n")
    return tmp_path / "foreign"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "folder", "option"),
    [
        (ROOT / "addons" / "route.py", None, "capture_all:"),
        (ROOT / "addons" / "replay.py", None, "replay_pace:"),
        ("addons/route.py", ROOT, "capture_all:"),
        ("route.py", ROOT / "addons", "capture_all:"),
    ],
)
def test_a_script_is_loaded_from_any_folder_beside_foreign_packages_of_the_same_names(
    script: str | Path, folder: Path | None, option: str, foreign: Path
) -> None:
    done = started(script, folder or foreign, foreign, "--options")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"\n{option}" in done.stdout


def test_missing_libraries_are_named_in_one_line_with_what_to_do(tmp_path: Path) -> None:
    hidden = 'import sys\nsys.modules["tomlkit"] = sys.modules["orjson"] = None\n'
    (tmp_path / "sitecustomize.py").write_text(hidden)
    done = started(ROOT / "addons" / "route.py", tmp_path, tmp_path)
    assert done.returncode == 1
    missing = "orjson>=3.10 and tomlkit>=0.13"
    assert done.stderr == f"transcodex needs {missing}: {sys.executable} -m pip install {ROOT}\n"
    assert "Traceback" not in done.stdout


def test_the_declared_dependencies_are_installed() -> None:
    assert {"brotli>=1.2", "tomlkit>=0.13"} <= set(dependencies())
    assert list(unfit(dependencies())) == []


@pytest.mark.parametrize(
    ("requirement", "problem"),
    [
        ("no-such-library>=1", "no-such-library>=1"),
        ("pytest>=1,<2", "pytest>=1,<2 (this is "),
        ("pytest>=999", "pytest>=999 (this is "),
        ("pytest>=7.4.1", ""),
        ("json>=5", ""),  # it says no version
    ],
)
def test_a_library_that_is_missing_or_of_another_version_is_reported(requirement: str, problem: str) -> None:
    found = "".join(unfit([requirement]))
    assert found.startswith(problem) and bool(found) == bool(problem)


@pytest.mark.parametrize(
    ("version", "does"),
    [
        ("12.2.0", False),
        ("12.2.1", True),
        ("12.3.1", True),
        ("12.4.0", False),
        ("12.20.0", False),
        ("13.0.0.dev", False),
    ],
)
def test_a_version_fits_from_the_first_to_before_the_last(version: str, does: bool) -> None:
    assert fits("mitmproxy>=12.2.1,<12.4", version) == does


def test_our_packages_hide_no_others_of_the_same_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert without_addons(["addons", str(ROOT / "addons"), str(ROOT), "/usr/lib"]) == [str(ROOT), "/usr/lib"]
    monkeypatch.chdir(ROOT / "addons")
    assert without_addons(["", "/usr/lib"]) == ["/usr/lib"]
