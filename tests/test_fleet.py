"""scripts/fleet: what keeps it from starting; what it does is seen in tests/e2e/test_fleet.py."""

import fcntl
import os
import socket
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


def fleet(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = ("PATH", "PYENV_ROOT", "LANG", "HAPROXY_BIN", "REDIS_BIN")
    environ = {name: os.environ[name] for name in kept if name in os.environ} | {"HOME": str(home)} | environment
    command = [str(ROOT / "scripts" / "fleet"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=120, check=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: workers"),
        (["2", "--listen-host", "0.0.0.0"], "would let anyone in the network use your API keys"),
    ],
)
def test_what_cannot_be_is_told(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = fleet(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("scripts/fleet N: ") and said in done.stderr


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        done = fleet(tmp_path, "2", "-p", port)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"127.0.0.1:{port} cannot be listened on" in done.stderr


def test_a_mistyped_option_ends_the_fleet_as_it_ends_a_proxy(tmp_path: Path) -> None:
    done = fleet(tmp_path, "2", "--no-redis", "-p", "8399", "--set", "rouets=x")
    assert done.returncode == 1
    assert "] transcodex: unknown option 'rouets' (did you mean routes?)\n" in done.stdout
    assert "the fleet could not start: worker " in done.stderr


def test_an_address_with_a_password_is_not_repeated(tmp_path: Path) -> None:
    done = fleet(tmp_path, "2", "--redis", "STATE", STATE="http://:hunter2@host")
    assert done.returncode == 1
    assert "this is no address" in done.stderr and "hunter2" not in done.stderr + done.stdout


def test_two_fleets_do_not_share_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "fleet-8398"
    folder.mkdir()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = fleet(tmp_path, "1", "-p", "8398", "--set", f"state_dir={tmp_path}")
    assert done.returncode == 1
    assert f"another fleet keeps its state in {folder}" in done.stderr
