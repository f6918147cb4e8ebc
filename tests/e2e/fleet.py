"""A real fleet as scripts/fleet starts it, over an upstream that streams at a pace, and clients with sessions."""

import asyncio
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.proxy import REPOSITORY, free_port

_SCRIPTS = REPOSITORY / "scripts"
_WORKER = re.compile(r"worker (\d+) listens on 127\.0\.0\.1:(\d+), process (\d+)")
_PATIENCE = 90.0  # seconds until the fleet serves

ROUTES = """\
[[routes]]
models = ["chat-*"]
providers = ["paced"]

[providers.paced]
protocol = "chat"
base_url = "{address}"
auth = "none"
"""


@dataclass
class Fleet:
    port: int
    log: Path
    process: subprocess.Popen[bytes]
    token: str = ""

    @property
    def workers(self) -> list[tuple[int, int]]:
        """The port and the first process of each."""
        found = {int(number): (int(port), int(pid)) for number, port, pid in _WORKER.findall(self.log.read_text())}
        return [found[number] for number in sorted(found)]

    @property
    def pids(self) -> list[int]:
        return [pid for _, pid in self.workers]

    @property
    def redis(self) -> int:
        """The process of its own Redis."""
        found = re.search(r"redis listens .*, process (\d+)", self.log.read_text())
        assert found
        return int(found[1])

    @property
    def redis_socket(self) -> Path:
        """As its process shows it."""
        shown = re.search(r"unixsocket:(\S+)", Path(f"/proc/{self.redis}/cmdline").read_text())
        assert shown
        return Path(shown[1].strip("\0"))

    def cooling(self) -> list[list[str]]:
        """Of each worker: the providers that it leaves alone."""
        found = [get(port, "/health", {"x-transcodex-token": self.token})[1] for port, _ in self.workers]
        return [[shown["provider"] for shown in json.loads(health)["cooling"]] for health in found]

    def counts(self) -> list[int]:
        """How many exchanges each worker has ended since it was started; -1 of one that does not answer."""
        return [self._count(port) for port, _ in self.workers]

    def _count(self, port: int) -> int:
        health = get(port, "/health", {"x-transcodex-token": self.token})
        return sum(json.loads(health[1])["exchanges"].values()) if health[0] == 200 else -1

    def stop(self, *signals: signal.Signals, patience: float = 30) -> int:
        """Its exit status, after these signals."""
        for which in signals or (signal.SIGTERM,):
            self.process.send_signal(which)
            time.sleep(0.3)
        try:
            return self.process.wait(patience)
        finally:
            self.process.kill()  # where that was not enough; its programs end with it


@contextmanager
def paced_upstream() -> Iterator[str]:
    """Its address; the model `chat-200-50-paced` is answered by 200 deltas, 50 a second."""
    port = free_port()
    command = [sys.executable, str(_SCRIPTS / "bench_load.py"), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        process.stdout.readline()  # it is ready
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@contextmanager
def running(
    folder: Path,
    routes: str,
    workers: int,
    *options: str,
    environment: dict[str, str] | None = None,
    token: str = "",
    port: int | None = None,
) -> Iterator[Fleet]:
    """The fleet until the block ends, unless it has ended before."""
    (folder / "routes.toml").write_text(routes)
    port, log = port or free_port(), folder / "fleet.log"
    log.unlink(missing_ok=True)
    command = [sys.executable, str(_SCRIPTS / "fleet.py"), str(workers), "--listen-port", str(port)]
    command += ["--set", f"confdir={folder}", "--set", f"routes={folder / 'routes.toml'}", *options]
    # Its folder has the socket of Redis in it, whose path must be short: pytest's are not.
    kept = {name: os.environ[name] for name in ("PATH", "HAPROXY_BIN", "REDIS_BIN") if name in os.environ}
    environ = {"HOME": str(folder), "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"} | kept | (environment or {})
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environ, cwd=folder)
    fleet = Fleet(port, log, process, token)
    try:
        _wait_until_it_serves(fleet)
        yield fleet
    finally:
        if process.poll() is None:
            fleet.stop(signal.SIGTERM, signal.SIGTERM)


def _wait_until_it_serves(fleet: Fleet) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and fleet.process.poll() is None:
        if " serve http://" in fleet.log.read_text():
            return
        time.sleep(0.1)
    raise AssertionError(f"the fleet does not serve:\n{fleet.log.read_text()}")


def get(port: int, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
    """Status and body; 0 where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={name: value for name, value in headers.items() if value})
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    @property
    def is_whole(self) -> bool:
        return self.status == 200 and b'"response.completed"' in self.body


def body_for(model: str) -> dict[str, Any]:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go on"}]}
    return {"model": model, "stream": True, "store": False, "input": [item]}


async def ask(port: int, model: str, session: str, *, started: asyncio.Event | None = None, token: str = "") -> Answer:
    """One request as Codex sends it; `started` is set when the answer's first bytes are here."""
    body = json.dumps(body_for(model)).encode()
    head = f"POST /v1/responses HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
    head += f"accept: text/event-stream\r\nconnection: close\r\nsession-id: {session}\r\n"
    head += f"x-transcodex-token: {token}\r\n" if token else ""
    pieces = []
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        while data := await reader.read(1 << 16):
            pieces.append(data)
            if started:
                started.set()
        writer.close()
    except OSError:
        pass  # a connection that broke is an answer that is not whole
    answer = b"".join(pieces)
    status = re.match(rb"HTTP/1\.1 (\d+)", answer)
    return Answer(int(status[1]) if status else 0, answer)
