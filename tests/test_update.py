"""The way of a wrong answer: recorded, it fails; mended and accepted by scripts/update, it is a test like any other."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from mitmproxy import io

from addons.cases.case import Case
from scripts.share import share
from tests.addons.example_cases import flows_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
KEPT = "chat/command-call"
NAME = "chat/lost-arguments"
RIGHT, WRONG = "elif entry.arguments:", "elif entry.arguments is ...:"
"""In converters/chat/tool_calls.py: what a call's arguments depend on."""


@dataclass(frozen=True)
class Copy:
    """The project, with one case and with no environment of its own."""

    root: Path

    def run(self, *command: str | Path) -> tuple[int, str]:
        environment = {**os.environ, "PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def spoil(self) -> None:
        self._edit(RIGHT, WRONG)

    def mend(self) -> None:
        self._edit(WRONG, RIGHT)

    def update(self) -> tuple[int, str]:
        return self.run("scripts/update", "-k", NAME, "-p", "no:cacheprovider")

    def case(self) -> Case:
        return Case.load(self.root / "flows" / NAME)

    def _edit(self, before: str, after: str) -> None:
        path = self.root / "converters" / "chat" / "tool_calls.py"
        text = path.read_text()
        assert text.count(before) == 1
        path.write_text(text.replace(before, after))


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Copy]:
    root = tmp_path / "project"
    for folder in ("addons", "converters", "scripts", "tests", "flows/shared", f"flows/{KEPT}"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, root)
    (root / "scripts" / "setup").write_text("#!/bin/sh\n")  # all is there
    (root / ".venv" / "bin").mkdir(parents=True)
    for program in ("python", "pytest"):
        start = root / ".venv" / "bin" / program
        start.write_text(f'#!/bin/sh\nexec "{Path(sys.executable).with_name(program)}" "$@"\n')
        start.chmod(0o755)
    share(root / "flows")  # what other cases name is not there
    yield Copy(root)
    shutil.rmtree(root)


@pytest.fixture
def recorded(copy: Copy) -> Copy:
    """A call whose arguments a spoilt converter lost, recorded as wrong."""
    with (copy.root / "saved.mitm").open("wb") as file:
        for flow in flows_of(Case.load(ROOT / "flows" / KEPT)):
            io.FlowWriter(file).add(flow)
    copy.spoil()
    code, said = copy.run("scripts/capture", "saved.mitm", "--wrong", "--name", NAME, "--pins", "A call has arguments.")
    assert code == 0, said
    assert said.startswith(f"{NAME}: written to flows/{NAME}; ")
    return copy


def test_a_wrong_answer_fails_until_it_is_mended_and_accepted(recorded: Copy) -> None:
    code, said = recorded.update()
    assert code == 1
    assert "A call has arguments. Mend the converter; then scripts/update accepts what it says." in said
    assert recorded.case().metadata.wrong

    recorded.mend()
    code, said = recorded.update()
    assert code == 0, said
    assert not recorded.case().metadata.wrong
    assert "-wrong = true" in said
    assert "+event: response.function_call_arguments.delta" in said


def test_where_nothing_changes_nothing_is_shown(copy: Copy) -> None:
    code, said = copy.run("scripts/update", "-p", "no:cacheprovider")
    assert code == 0, said
    assert "flows" not in said
