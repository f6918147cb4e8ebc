"""`pip install` of the project brings what it depends on, and nothing of ours into other people's packages."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from addons import __version__

ROOT = Path(__file__).parents[1]
PUBLISHED = ("pyproject.toml", "README.md", "addons", "converters")


@pytest.mark.slow
def test_pip_installs_no_package_of_ours_and_leaves_nothing_behind(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for name in PUBLISHED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, project / name)
    before = sorted(project.rglob("*"))
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(project)]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("transcodex-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert {name.partition("/")[0] for name in archive.namelist()} == {f"transcodex-{__version__}.dist-info"}
    assert sorted(project.rglob("*")) == before
