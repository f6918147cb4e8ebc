"""scripts/run: what it adds of its own, and leaves to whoever says something else.

A mistyped option ends each of these, once all others were taken.
"""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = ("PATH", "PYENV_ROOT", "LANG")
    environ = {name: os.environ[name] for name in kept if name in os.environ} | {"HOME": str(home)}
    command = [str(ROOT / "scripts" / "run"), "mitmdump", *arguments, "--set", "rouets=x"]
    return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=120, check=False)


MISTYPED = "transcodex: unknown option 'rouets' (did you mean routes?)\n"


@pytest.mark.parametrize(
    ("arguments", "port"),
    [
        ([], 8390),
        (["-p", "9001"], 9001),
        (["--set", "listen_port=9003", "--set", "listen_host=127.0.0.1", "--set", "capture_dir=/nowhere"], 9003),
    ],
)
def test_each_option_is_given_once(tmp_path: Path, arguments: list[str], port: int) -> None:
    done = run(tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (1, MISTYPED)
    assert f"http://127.0.0.1:{port}/v1" in done.stdout


def test_the_usual_port_is_no_local_servers() -> None:
    """Else that server and the proxy would be taken for one another."""
    shipped = (ROOT / "addons" / "providers.toml").read_text()
    assert ":8390" not in shipped and ":8080" in shipped
