"""The programs that scripts/setup gets for tests: haproxy, and a Redis server of a test's own."""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_CACHE = Path(__file__).parents[1] / ".cache"
_VARIABLES = {"haproxy": "HAPROXY_BIN", "redis": "REDIS_BIN"}


def program(name: str) -> Path:
    path = Path(os.environ.get(_VARIABLES[name]) or _CACHE / name / "program")
    if not path.exists():
        pytest.fail(f"no {name} at {path}: run scripts/setup {name}, or set {_VARIABLES[name]}")
    return path


@dataclass
class RedisServer:
    """On a socket in a folder of its own; it can be ended and started again, and keeps nothing."""

    folder: Path
    _process: subprocess.Popen[bytes] | None = None

    @property
    def path(self) -> Path:
        return self.folder / "redis.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def start(self) -> None:
        options = ["--port", "0", "--unixsocket", str(self.path), "--save", "", "--dir", str(self.folder)]
        self._process = subprocess.Popen([program("redis"), *options], stdout=subprocess.DEVNULL)
        while not self._answers():
            assert self._process.poll() is None, "the server ended"
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            try:
                connection.connect(str(self.path))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
            except OSError:
                return False


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:  # a socket's path must be short: pytest's are not
        server = RedisServer(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()
