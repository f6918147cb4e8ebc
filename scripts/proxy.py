"""Starts a mitmdump on a free port of loopback, for the demo, the benchmark and the tests of faults."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROUTE = ROOT / "addons" / "route.py"
_PATIENCE = 30.0  # seconds that mitmdump may take until it listens


@dataclass(frozen=True)
class Proxy:
    port: int
    pid: int
    log: Path


@contextmanager
def mitmdump(
    addon: Path,
    folder: Path,
    *options: str,
    program: str = "mitmdump",
    port: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Proxy]:
    """Runs while the `with` block lasts; its log, certificates and state go to `folder`, the user's are left alone.

    The port is a free one by default; `environment` comes beside our own.

    Raises:
        SystemExit: it did not start; the message holds its log.
    """
    port, log = port or free_port(), folder / f"{addon.stem}.log"
    command = [str(Path(sys.executable).with_name(program)), "-s", str(addon), "--set", f"confdir={folder}"]
    address = ["--listen-host", "127.0.0.1", "--listen-port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *address, *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=os.environ | {"PYTHONUNBUFFERED": "1", "XDG_STATE_HOME": str(folder)} | dict(environment or {}),
        )
    try:
        _wait_until_open(process, port, log)
        yield Proxy(port, process.pid, log)
    finally:
        process.terminate()
        process.wait(10)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _wait_until_open(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
            continue
        time.sleep(0.3)  # with an addon that does not load, mitmdump first listens and then gives up
        if process.poll() is None:
            return
    raise SystemExit(f"mitmdump does not listen:\n{log.read_text(errors='replace')}")
