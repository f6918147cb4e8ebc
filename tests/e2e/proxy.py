"""A real mitmdump with the routing addon, as the README starts it."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
EVERYTHING = {"flow_detail": 3, "termlog_verbosity": "debug"}
"""As much as it can be made to tell: secrets must not be in there."""

SETTINGS = {**EVERYTHING, "retry_wait": 0}
"""What Codex makes of each failure is looked at, so nothing is waited for and tried again."""


@dataclass
class Proxy:
    port: int
    log: Path
    flows: Path
    process: subprocess.Popen[bytes] | None = None
    """While it runs."""

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    folder: Path,
    routes: str,
    target: str,
    keys: dict[str, str],
    *options: str,
    program: str = "mitmdump",
    settings: Mapping[str, int | str] = SETTINGS,
) -> Iterator[Proxy]:
    """The proxy until the block ends; `routes` is the routes file's text, `target` where all else passes to."""
    (folder / "routes.toml").write_text(routes)
    # scripts/record makes cases of these exchanges.
    flows = Path(os.environ.get("E2E_FLOWS") or folder / "flows.mitm")
    proxy = Proxy(free_port(), folder / "mitmdump.log", flows)
    chosen = ["--set", f"routes={folder / 'routes.toml'}", *_as_options(settings), *options]
    with _started(proxy, "route.py", target, keys, chosen, program):
        yield proxy


@contextmanager
def replaying(folder: Path, cases: Path) -> Iterator[Proxy]:
    """A proxy that answers from cases alone, until the block ends."""
    proxy = Proxy(free_port(), folder / "replay.log", folder / "replay.mitm")
    with _started(proxy, "replay.py", "http://127.0.0.1:9", {}, [*_as_options(EVERYTHING), "--set", f"replay={cases}"]):
        yield proxy


def _as_options(settings: Mapping[str, int | str]) -> list[str]:
    return [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]


@contextmanager
def _started(
    proxy: Proxy, addon: str, target: str, keys: dict[str, str], options: list[str], program: str = "mitmdump"
) -> Iterator[None]:
    folder = proxy.log.parent
    command = [
        str(Path(sys.executable).with_name(program)),
        *("-s", str(REPOSITORY / "addons" / addon)),
        *("--mode", f"reverse:{target}"),
        *("--listen-host", "127.0.0.1", "--listen-port", str(proxy.port)),
        *("--set", f"confdir={folder}"),
        *("-w", str(proxy.flows)),
        *options,
    ]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONUNBUFFERED": "1", **keys}
    with proxy.log.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=folder)
        proxy.process = process
        try:
            _wait_until_healthy(proxy, process)
            yield
        finally:
            process.terminate()
            process.wait(10)


def _wait_until_healthy(proxy: Proxy, process: subprocess.Popen[bytes]) -> None:
    """Until its health check passes: mitmproxy listens for a moment even where the addon did not load."""
    for _ in range(300):
        if process.poll() is not None:
            break
        if _is_healthy(proxy.port):
            return
        time.sleep(0.1)
    raise AssertionError(f"mitmdump does not answer:\n{proxy.log.read_text()}")


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
