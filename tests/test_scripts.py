"""What all scripts that a person types have in common: they say what they are for before anything is set up."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from addons import __version__
from converters.protocols import converted
from scripts import bench_load, demo_providers

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(path for path in (ROOT / "scripts").iterdir() if path.is_file() and not path.suffix)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as somebody clones it."""
    root = tmp_path_factory.mktemp("fresh")
    for folder in ("addons", "scripts"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_it_says_what_it_is_for(script: Path, fresh: Path, tmp_path: Path) -> None:
    assert os.access(script, os.X_OK)
    for option in ("--help", "-h"):
        done = subprocess.run(
            [fresh / "scripts" / script.name, option], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert f"\n  scripts/{script.name}" in done.stdout
        assert not (fresh / ".venv").exists()


def test_there_is_a_version_to_ask_for(fresh: Path) -> None:
    done = subprocess.run([fresh / "scripts" / "run", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"transcodex {__version__}\n")


def test_the_demo_and_the_benchmark_cover_every_converted_protocol() -> None:
    assert demo_providers.RESPONSES.keys() == bench_load.STREAM_FORMATS.keys() == set(converted())
