"""An error at a start ends mitmproxy's programs with one line, before anything is served."""

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
from mitmproxy.addons.script import load_script
from mitmproxy.test import taddons, tflow

from addons.runtime import startup
from tests.addons.proxy_under_test import SCRIPT, raw_request, request_body

TIMEOUT_SECONDS = 60  # only a failing test waits so long


@pytest.fixture
def known() -> options.Options:
    """Options as they stand when all of ours are loaded: `routes` one value, `redact` several, `most` a number."""
    given = options.Options()
    given.add_option("most", int, 5, "")
    given.add_option("redact", Sequence[str], [], "")
    given.add_option("routes", str, "", "")
    return given


# --- deferred options ---


def deferred(known: options.Options, *command_line: str, **options_file: object) -> options.Options:
    early = options.Options()
    early.set(*command_line, defer=True)
    known.deferred.update(early.deferred | options_file)
    return known


def test_a_deferred_option_is_set(known: options.Options) -> None:
    startup.take(deferred(known, "most=7", "redact=a", "redact=b", routes="x"))
    assert (known.most, known.redact, known.routes) == (7, ["a", "b"], "x")
    assert known.deferred == {}


@pytest.mark.parametrize(
    ("command_line", "error"),
    [
        (["most=abc"], "most"),
        (["most=1GB"], "most"),
        (["most"], "most"),
        (["most=1", "most=1"], "most: given 2 times"),
        (["routes=a", "routes=b"], "routes: given 2 times"),
    ],
)
def test_a_value_that_does_not_fit_is_reported(known: options.Options, command_line: list[str], error: str) -> None:
    with pytest.raises(exceptions.OptionsError, match=error):
        startup.take(deferred(known, *command_line))


@pytest.mark.parametrize("value", ["abc", [1], {"a": 1}, 1.5])
def test_a_value_of_the_wrong_type_in_mitmproxys_options_file_is_reported(
    known: options.Options, value: object
) -> None:
    with pytest.raises(exceptions.OptionsError, match="most: has the wrong type"):
        startup.take(deferred(known, most=value))


def test_an_unknown_option_is_reported_with_a_suggestion(known: options.Options) -> None:
    startup.take(deferred(known, "route=x", "zzz=1", "bad\x1b[31m=2", routs="x", theirs="x"))
    assert startup.unknown(known) == [
        "unknown option 'route' (did you mean routes?)",
        "unknown option 'zzz'",
        "unknown option 'bad\\x1b[31m'",
        "unknown option 'routs' (did you mean routes?)",
    ]


def test_options_of_mitmproxys_other_programs_are_no_mistake(known: options.Options) -> None:
    names = ["flow_detail", "web_columns", "console_layout", "view_order", "intercept", "termlog_verbosity"]
    assert startup.unknown(deferred(known, *(f"{name}=1" for name in names))) == []


def test_requests_are_refused_until_the_options_are_checked() -> None:
    addon, flow = startup.Options(), tflow.tflow()
    addon.requestheaders(flow)
    assert flow.response and flow.response.status_code == 503
    with taddons.context(addon):
        flow = tflow.tflow()
        addon.requestheaders(flow)
        assert flow.response is None


def test_a_port_that_is_taken_is_told() -> None:
    startup.check_free("127.0.0.1", 0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(exceptions.OptionsError, match=rf"web_port: .* 127\.0\.0\.1:{port}: Address already in use"):
            startup.check_free("127.0.0.1", port)


@pytest.mark.slow
def test_a_web_port_that_is_taken_ends_mitmweb_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        page = ("--no-web-open-browser", "--web-port", str(taken.getsockname()[1]))
        process = started(tmp_path, "mitmweb", *page, port=0)
        _, told = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 1
    (line,) = told.decode().splitlines()
    assert line.startswith("transcodex: web_port: ")


def test_a_running_program_is_not_ended() -> None:
    with taddons.context(), pytest.raises(exceptions.OptionsError, match="a mistake"), startup.one_line():
        raise exceptions.OptionsError("a mistake")


@pytest.mark.parametrize("name", ["route.py", "replay.py"])
def test_every_addon_that_mitmproxy_starts_does_so_by_it(name: str) -> None:
    """One that is left out has its mistakes logged with a traceback, or swallowed."""
    script = load_script(str(SCRIPT.with_name(name)))
    assert script is not None
    hooks = [getattr(type(addon), hook, None) for addon in script.addons for hook in ("load", "configure")]
    assert [hook.__qualname__ for hook in hooks if hook and not hasattr(hook, "__wrapped__")] == []


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
    ("program", "arguments", "error"),
    [
        ("mitmdump", ["--set", "request_limit=abc"], "request_limit"),
        ("mitmdump", ["--set", "routes=a", "--set", "routes=b"], "routes: given 2 times"),
        ("mitmdump", ["--mode", "reverse:http://127.0.0.1:9@:0"], "client_token_env"),  # pragma: allowlist secret
        ("mitmdump", ["--set", "routes=empty.toml"], "empty.toml: is empty"),
        ("mitmdump", ["-s", "other.py", "--set", "theirs=1", "--set", "route=x"], "'route' (did you mean routes?)"),
        ("mitmweb", [*WEB, "--set", "route=x"], "unknown option 'route' (did you mean routes?)"),
        ("mitmproxy", ["--set", "capture_all_mb=1GB"], "capture_all_mb"),
        ("mitmweb", [*WEB, "--set", "keep_mb=-1"], "keep_mb: must not be negative"),
    ],
)
def test_a_mistake_ends_the_program_in_one_line(tmp_path: Path, program: str, arguments: list[str], error: str) -> None:
    (tmp_path / "empty.toml").write_text("")
    (tmp_path / "other.py").write_text("def load(loader):\n    loader.add_option('theirs', str, '', '')\n")
    process = started(tmp_path, program, *arguments, port=0)
    _, stderr = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 1
    (line,) = stderr.decode().splitlines()
    assert line.startswith("transcodex: ") and error in line


@pytest.mark.slow
def test_nothing_is_served_before_it_ends(tmp_path: Path) -> None:
    """mitmproxy opens its ports before it loads scripts: requests that come so early get no response."""
    target = socket.create_server(("127.0.0.1", 0))
    mode, port = f"reverse:http://127.0.0.1:{target.getsockname()[1]}", free_port()
    process = started(tmp_path, "mitmdump", "--mode", mode, "--set", "route=x", port=port)
    responses: list[bytes] = []

    def send() -> None:
        while process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS) as client:
                client.sendall(
                    raw_request("POST", "/v1/responses", request_body("claude-opus-5"), {"host": "localhost"})
                )
                responses.append(client.recv(1000))

    sender = threading.Thread(target=send)
    sender.start()
    _, stderr = process.communicate(timeout=TIMEOUT_SECONDS)
    sender.join(TIMEOUT_SECONDS)
    target.setblocking(False)
    with target, pytest.raises(BlockingIOError):
        target.accept()
    assert (process.returncode, list(filter(None, responses))) == (1, [])
    assert b"unknown option" in stderr
