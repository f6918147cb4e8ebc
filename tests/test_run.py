"""scripts/run: what it adds of its own, and leaves to whoever says something else; what keeps it from starting.

A mistyped option ends each start, once all others were taken.
"""

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


def run(home: Path, *arguments: str, program: str = "mitmdump", **environment: str) -> subprocess.CompletedProcess[str]:
    kept = ("PATH", "PYENV_ROOT", "LANG")
    environ = {name: os.environ[name] for name in kept if name in os.environ} | {"HOME": str(home)} | environment
    command = [str(ROOT / "scripts" / "run"), program, *arguments, "--set", "rouets=x"]
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
    shipped = (ROOT / "addons" / "routing" / "providers.toml").read_text()
    assert ":8390" not in shipped and ":8080" in shipped


@pytest.fixture
def port() -> Iterator[int]:
    """One that is taken."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


FREE = ["--listen-port", "0", "--web-port", "0"]


@pytest.mark.parametrize("option", ["--web-port", "--listen-port"])
def test_a_port_that_is_taken_is_told(tmp_path: Path, port: int, option: str) -> None:
    done = run(tmp_path, *FREE, option, str(port), program="mitmweb")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"127.0.0.1:{port} cannot be listened on (")
    assert done.stderr.endswith(f"); {option} chooses another port\n")


def test_a_key_file_that_others_can_read_is_told(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sec" + "ret")
    key.chmod(0o644)
    done = run(tmp_path, DEEPSEEK_API_KEY_FILE=str(key))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"DEEPSEEK_API_KEY_FILE: {key} is open to others; chmod 600 it\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [("routes = [", "routes: not TOML: "), ("[routs]\n", "routes: routs: unknown key"), (None, "routes: ")],
)
def test_routes_that_cannot_be_used_are_told(tmp_path: Path, text: str | None, said: str) -> None:
    routes = tmp_path / "routes.toml"
    if text is not None:
        routes.write_text(text)
    done = run(tmp_path, "--set", f"routes={routes}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(said) and done.stderr.count("\n") == 1
