"""What README says is so: its tables, its links, its options, the one form in which Codex is started."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.test import taddons

from addons import replay, route

ROOT = Path(__file__).parents[1]
READMES = sorted(path for path in ROOT.rglob("README.md") if not any(part.startswith(".") for part in path.parts[1:]))
README = (ROOT / "README.md").read_text()


def test_its_tables_are_what_the_code_says() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "readme.py"), "--check"]
    assert subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False).returncode == 0


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_its_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#[^)]*)?\)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


def options(addons: list[object]) -> dict[str, object]:
    """Those that these addons add -> default."""
    with taddons.context(Proxyserver()) as context:
        before = set(context.options.keys())
        context.master.addons.add(*addons)
        return {name: context.options.default(name) for name in set(context.options.keys()) - before}


def test_it_names_every_option_with_its_default() -> None:
    ours = options(route.addons) | options(replay.addons)
    table = dict(re.findall(r"^\| `(\w+)` +\| `?([^|`]*?)`? *\|", README.partition("## Options")[2], re.MULTILINE))
    assert table == {name: _as_written(default) for name, default in ours.items()}


def _as_written(default: object) -> str:
    return "" if default in ("", []) else str(default).lower()


def test_codex_is_started_in_one_form() -> None:
    commands = re.findall(r"^ {4}(codex .*)$", README, re.MULTILINE)
    assert commands and all(command.startswith("codex -p transcodex") for command in commands)


def test_its_addon_is_the_one_that_a_test_runs() -> None:
    assert f"```python\n{(ROOT / 'tests' / 'data' / 'one_line.py').read_text()}```" in README
