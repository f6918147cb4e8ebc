"""What haproxy itself says of its configuration; what it does is seen in tests/e2e/test_fleet.py."""

import subprocess
from pathlib import Path

import pytest

from scripts import fleet_haproxy
from tests import servers


@pytest.mark.slow
@pytest.mark.parametrize("address", ["127.0.0.1:8390", "[::1]:8390", "*:8390", "localhost:8390"])
def test_haproxy_takes_it(address: str, tmp_path: Path) -> None:
    file = tmp_path / "haproxy.cfg"
    file.write_text(fleet_haproxy.config(address, [9001, 9002], drain=0.5, has_token=True))
    command = [servers.program("haproxy"), "-c", "-f", file]
    environment = fleet_haproxy.environment('50% "off"')
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_token_does_not_stand_in_it() -> None:
    with_token = fleet_haproxy.config("127.0.0.1:1", [1], drain=1, has_token=True)
    assert f'"${{{fleet_haproxy.TOKEN_VARIABLE}}}"' in with_token
    assert fleet_haproxy.TOKEN_VARIABLE not in fleet_haproxy.config("127.0.0.1:1", [1], drain=1, has_token=False)


def test_a_drain_of_nothing_is_a_moment() -> None:
    """0 would mean for ever."""
    assert "hard-stop-after 1ms" in fleet_haproxy.config("127.0.0.1:1", [1], drain=0, has_token=False)
