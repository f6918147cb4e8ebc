"""scripts/replay: a recorded question, asked again of a live upstream."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from addons.cases.case import Case

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


def replayed(*arguments: str, case: Path = CASE) -> tuple[int, str]:
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "ACME_KEY": KEY}
    command = [sys.executable, str(ROOT / "scripts" / "replay.py"), str(case), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_same_shape_is_good(address: str) -> None:
    Upstream.says = Case.load(CASE).upstream_body
    code, said = replayed("--against", address, "--key-env", "ACME_KEY")
    assert (code, said.rstrip().rpartition(": ")[2]) == (0, "the same shape")


def test_another_shape_is_shown(address: str) -> None:
    Upstream.says = Case.load(CASE).upstream_body.replace(b'"reasoning_content"', b'"reasoning"')
    code, said = replayed("--against", address, "--key-env", "ACME_KEY")
    assert code == 1
    assert "+choices[].delta.reasoning: string" in said


def test_the_model_s_name_there_can_be_told(address: str) -> None:
    Upstream.says = Case.load(CASE).upstream_body
    code, said = replayed("--against", address, "--key-env", "ACME_KEY", "--model", "another")
    assert code == 0
    assert " another (chat)" in said


def test_routes_of_one_s_own_lead_there(address: str, tmp_path: Path) -> None:
    Upstream.says = Case.load(CASE).upstream_body
    routes = tmp_path / "routes.toml"
    routes.write_text(
        '[[routes]]\nmodels = ["chat-*"]\nproviders = ["mine"]\n'
        f'[providers.mine]\nprotocol = "chat"\nbase_url = "{address}"\nkey_env = ["ACME_KEY"]\n'
    )
    code, said = replayed("--routes", str(routes))
    assert code == 0, said
    assert "chat-tiny -> mine chat-tiny (chat)" in said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "strict-chat, which answered then, is not known here; --against PROVIDER, "),
        (("--against", "openruoter"), "--against openruoter: unknown name (did you mean openrouter?)"),
        (("--against", "http://"), "--against http://: "),
        (("--against", "deepseek"), "no API key: set DEEPSEEK_API_KEY (for deepseek) where the proxy runs"),
        (("--against", "http://127.0.0.1:1", "--key-env", "NO_KEY"), "no API key: set NO_KEY (for 127.0.0.1:1) where"),
        (("--against", "http://127.0.0.1:1"), "127.0.0.1:1 is out of reach"),
        (("--routes", "/nowhere.toml"), "--routes /nowhere.toml: "),
        (("--routes", "{folder}/bad.toml"), "--routes {folder}/bad.toml: not TOML: "),
        (("--routes", "{folder}/others.toml"), "no provider serves chat-tiny, the model of the case"),
    ],
)
def test_who_cannot_be_asked_is_told_in_one_line(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    (tmp_path / "bad.toml").write_text("routes = [")
    (tmp_path / "others.toml").write_text('[[routes]]\nmodels = ["other"]\nproviders = ["deepseek"]\n')
    code, said = replayed(*(argument.format(folder=tmp_path) for argument in arguments))
    assert code == 2
    assert said.startswith(told.format(folder=tmp_path)) and said.count("\n") == 1
    assert "routes[" not in said


def test_what_is_no_case_is_told(tmp_path: Path) -> None:
    assert replayed(case=tmp_path / "nowhere") == (2, f"{tmp_path}/nowhere/case.toml: is missing\n")
