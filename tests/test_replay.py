"""scripts/replay: a recorded question, asked again of a live upstream."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from addons.case import Case

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
CASE = ROOT / "flows" / "chat" / "plain-answer"
KEY = "not-a-real-key"


class Upstream(BaseHTTPRequestHandler):
    """Answers what it is told to, to whoever has the key."""

    says: ClassVar[bytes] = b""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200 if self.headers["authorization"] == f"Bearer {KEY}" else 401)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.wfile.write(self.says)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def replayed(*arguments: str) -> tuple[int, str]:
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "ACME_KEY": KEY}
    command = [sys.executable, str(ROOT / "scripts" / "replay.py"), str(CASE), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_same_shape_is_good(address: str) -> None:
    Upstream.says = Case.load(CASE).answered
    code, said = replayed("--against", address, "--key-env", "ACME_KEY")
    assert (code, said.rstrip().rpartition(": ")[2]) == (0, "the same shape")


def test_another_shape_is_shown(address: str) -> None:
    Upstream.says = Case.load(CASE).answered.replace(b'"reasoning_content"', b'"reasoning"')
    code, said = replayed("--against", address, "--key-env", "ACME_KEY")
    assert code == 1
    assert "+choices[].delta.reasoning: string" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("--against", "http://127.0.0.1:1"), "is out of reach"), (("--against", "nobody"), "unknown name")],
)
def test_who_cannot_be_asked_is_told(arguments: tuple[str, ...], said: str) -> None:
    code, told = replayed(*arguments)
    assert code == 2
    assert said in told
