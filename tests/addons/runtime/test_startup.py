"""What goes wrong at a start ends mitmproxy's programs in one line, before anything is served."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from mitmproxy import exceptions, options
from mitmproxy.test import taddons, tflow

from addons.runtime import startup
from tests.addons.house import SCRIPT, question, request

PATIENCE = 60  # seconds; only a test that fails waits so long


@pytest.fixture
def known() -> options.Options:
    """Options as they stand when all of ours are loaded: `routes` one value, `redact` several, `most` a number."""
    given = options.Options()
    given.add_option("most", int, 5, "")
    given.add_option("redact", Sequence[str], [], "")
    given.add_option("routes", str, "", "")
    return given


# --- options that were put off ---


def put_off(known: options.Options, *typed: str, **read: object) -> options.Options:
    early = options.Options()
    early.set(*typed, defer=True)
    known.deferred.update(early.deferred | read)
    return known


def test_what_can_be_taken_is_taken(known: options.Options) -> None:
    startup.take(put_off(known, "most=7", "redact=a", "redact=b", routes="x"))
    assert (known.most, known.redact, known.routes) == (7, ["a", "b"], "x")
    assert known.deferred == {}


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["most=abc"], "most"),
        (["most=1GB"], "most"),
        (["most"], "most"),
        (["most=1", "most=1"], "most: given 2 times"),
        (["routes=a", "routes=b"], "routes: given 2 times"),
    ],
)
def test_what_cannot_be_taken_is_told(known: options.Options, typed: list[str], says: str) -> None:
    with pytest.raises(exceptions.OptionsError, match=says):
        startup.take(put_off(known, *typed))


@pytest.mark.parametrize("value", ["abc", [1], {"a": 1}, 1.5])
def test_a_value_of_another_kind_in_mitmproxys_file_is_told(known: options.Options, value: object) -> None:
    with pytest.raises(exceptions.OptionsError, match="most: is of another kind"):
        startup.take(put_off(known, most=value))


def test_what_nobody_knows_is_told_with_what_may_be_meant(known: options.Options) -> None:
    startup.take(put_off(known, "route=x", "zzz=1", "bad\x1b[31m=2", routs="x", theirs="x"))
    assert startup.unknown(known) == [
        "unknown option 'route' (did you mean routes?)",
        "unknown option 'zzz'",
        "unknown option 'bad\\x1b[31m'",
        "unknown option 'routs' (did you mean routes?)",
    ]


def test_what_another_of_mitmproxys_programs_knows_is_no_mistake(known: options.Options) -> None:
    names = ["flow_detail", "web_columns", "console_layout", "view_order", "intercept", "termlog_verbosity"]
    assert startup.unknown(put_off(known, *(f"{name}=1" for name in names))) == []


def test_until_it_is_sure_nothing_is_answered() -> None:
    addon, flow = startup.Options(), tflow.tflow()
    addon.requestheaders(flow)
    assert flow.response and flow.response.status_code == 503
    with taddons.context(addon):
        flow = tflow.tflow()
        addon.requestheaders(flow)
        assert flow.response is None


def test_a_program_that_runs_is_not_ended() -> None:
    with taddons.context(), pytest.raises(exceptions.OptionsError, match="told"), startup.one_line():
        raise exceptions.OptionsError("told")


# --- the programs ---


def started(folder: Path, program: str, *arguments: str, port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *(str(Path(sys.executable).with_name(program)), "-s", str(SCRIPT), "--set", f"confdir={folder}"),
            *("--listen-port", str(port), *arguments),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


WEB = ("--no-web-open-browser", "--web-port", "0")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "arguments", "says"),
    [
        ("mitmdump", ["--set", "request_limit=abc"], "request_limit"),
        ("mitmdump", ["--set", "routes=a", "--set", "routes=b"], "routes: given 2 times"),
        ("mitmdump", ["--mode", "reverse:http://127.0.0.1:9@:0"], "client_token_env"),  # pragma: allowlist secret
        ("mitmdump", ["--set", "routes=empty.toml"], "empty.toml: says nothing"),
        ("mitmdump", ["-s", "other.py", "--set", "theirs=1", "--set", "route=x"], "'route' (did you mean routes?)"),
        ("mitmweb", [*WEB, "--set", "route=x"], "unknown option 'route' (did you mean routes?)"),
        ("mitmproxy", ["--set", "capture_all_mb=1GB"], "capture_all_mb"),
    ],
)
def test_a_mistake_ends_the_program_in_one_line(tmp_path: Path, program: str, arguments: list[str], says: str) -> None:
    (tmp_path / "empty.toml").write_text("")
    (tmp_path / "other.py").write_text("def load(loader):\n    loader.add_option('theirs', str, '', '')\n")
    process = started(tmp_path, program, *arguments, port=0)
    _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    (line,) = told.decode().splitlines()
    assert line.startswith("transcodex: ") and says in line


@pytest.mark.slow
def test_nothing_is_served_before_it_ends(tmp_path: Path) -> None:
    """Ports are open before scripts are loaded: who asks that early is answered by nobody."""
    target = socket.create_server(("127.0.0.1", 0))
    there, port = f"reverse:http://127.0.0.1:{target.getsockname()[1]}", free_port()
    process = started(tmp_path, "mitmdump", "--mode", there, "--set", "route=x", port=port)
    answers: list[bytes] = []

    def ask() -> None:
        while process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
                client.sendall(request("POST", "/v1/responses", question("claude-opus-5"), {"host": "localhost"}))
                answers.append(client.recv(1000))

    asking = threading.Thread(target=ask)
    asking.start()
    _, told = process.communicate(timeout=PATIENCE)
    asking.join(PATIENCE)
    target.setblocking(False)
    with target, pytest.raises(BlockingIOError):
        target.accept()
    assert (process.returncode, [answer for answer in answers if answer]) == (1, [])
    assert b"unknown option" in told
