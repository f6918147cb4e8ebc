"""An unmodified Codex, run as a user runs it, in a scratch home of its own."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.scripted_response import Json

_CACHE = Path(__file__).parents[2] / ".cache"

CLIENT_KEY = "client-key-of-the-user"
"""What Codex itself is given as a key; no provider may ever see it, but the one that a request passes through to."""


def find_binary() -> Path:
    """Raises FileNotFoundError, which fails the test: none is left out for want of a Codex."""
    binary = Path(os.environ.get("CODEX_BIN", _CACHE / "codex" / "node_modules" / ".bin" / "codex"))
    if not binary.exists():
        raise FileNotFoundError(f"no Codex at {binary}: run scripts/setup codex, or set CODEX_BIN")
    return binary


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder outside of /tmp: Codex does not work fully with a home in there."""
    parent = _CACHE / "e2e"
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Run:
    """What Codex did and printed. `events` are the JSON lines of `exec --json`."""

    code: int
    stdout: str
    stderr: str
    events: list[Json] = field(default_factory=list)

    def items(self, kind: str) -> list[Json]:
        """The finished items of one kind, in order."""
        return [e["item"] for e in self.events if e["type"] == "item.completed" and e["item"]["type"] == kind]

    @property
    def agent_messages(self) -> list[str]:
        return [item["text"] for item in self.items("agent_message")]

    @property
    def usage(self) -> Json:
        return next((e["usage"] for e in self.events if e["type"] == "turn.completed"), {})

    @property
    def failure(self) -> str:
        """Why the turn failed, as the user reads it; empty where it did not."""
        return next((e["error"]["message"] for e in self.events if e["type"] == "turn.failed"), "")

    @property
    def errors(self) -> list[str]:
        """Every error line on the way, retries included."""
        return [e["message"] for e in self.events if e["type"] == "error"]


class Codex:
    """One user's Codex: threads of earlier runs can be resumed by later ones."""

    def __init__(self, binary: Path, home: Path, work: Path, base_url: str) -> None:
        self.binary, self.home, self.work = binary, home, work
        self.provider: dict[str, Any] = {
            "name": "Proxy",
            "base_url": base_url,
            "env_key": "PROXY_KEY",
            "request_max_retries": 0,
            "stream_max_retries": 0,
        }
        self.runs: list[Run] = []
        self.config: dict[str, Any] = {
            "model_provider": "proxy",
            "model_reasoning_effort": "medium",
            # Not as `--disable`: an older Codex refuses to start over a feature that it does not know.
            "features.unbounded_connection_retries": False,
        }

    @classmethod
    def of_new_user(cls, binary: Path, folder: Path, base_url: str) -> "Codex":
        """Everything that it keeps is in this folder, which is empty so far."""
        home, work = folder / "home", folder / "work"
        home.mkdir()
        (folder / "tmp").mkdir()
        # A repository of its own: else Codex takes the one around it for the user's project.
        subprocess.run(["git", "init", "--quiet", work], check=True)
        return cls(binary, home, work, base_url)

    def exec(self, prompt: str, *options: str, model: str, **config: Any) -> Run:
        """`codex exec` with JSON events; `config` overrides single keys of the configuration."""
        return self._run(["exec", *self._options(model, config), "--json", *options, prompt])

    def resume(self, prompt: str, *options: str, model: str, **config: Any) -> Run:
        """The last thread goes on in a new process."""
        return self._run(["exec", *self._options(model, config), "--json", *options, "resume", "--last", prompt])

    def plain(self, prompt: str, *options: str, model: str, **config: Any) -> Run:
        """As a person sees it: no JSON."""
        return self._run(["exec", *self._options(model, config), *options, prompt])

    def review(self, *, model: str) -> Run:
        """What has changed in the working folder, looked at by Codex's reviewer."""
        return self._run(["exec", *self._options(model, {}), "review", "--uncommitted"])

    def guarded(self, prompt: str, *, model: str) -> Run:
        """As `exec`, in the sandbox: what needs approval is judged by a model."""
        # Not as `--approve-for-me`, which an older Codex does not know.
        judged = {
            "approval_policy": "on-request",
            "approvals_reviewer": "auto_review",
            "sandbox_mode": "workspace-write",
        }
        options = [
            option for option in self._options(model, judged) if option != "--dangerously-bypass-approvals-and-sandbox"
        ]
        return self._run(["exec", *options, "--json", prompt])

    def debug_models(self) -> list[Json]:
        """The models as Codex knows them at this proxy."""
        run = self._run(["debug", "models", *self._settings({})])
        models: list[Json] = json.loads(run.stdout)["models"]
        return models

    def bare(self, *arguments: str) -> Run:
        """With these arguments alone: all else is what stands in its home."""
        return self._run(list(arguments))

    def _options(self, model: str, config: dict[str, Any]) -> list[str]:
        return [
            *("-m", model, "-C", str(self.work), "--skip-git-repo-check"),
            "--dangerously-bypass-approvals-and-sandbox",
            *self._settings(config),
        ]

    def _settings(self, config: dict[str, Any]) -> list[str]:
        provider = {f"model_providers.proxy.{key}": value for key, value in self.provider.items()}
        settings = {**self.config, **provider, **config}
        return [part for key, value in settings.items() for part in ("-c", f"{key}={json.dumps(value)}")]

    def _run(self, arguments: list[str]) -> Run:
        done = subprocess.run(
            [self.binary, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            env=self._environment(),
            check=False,
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        events = [json.loads(line) for line in lines] if "--json" in arguments else []
        self.runs.append(Run(done.returncode, done.stdout, done.stderr, events))
        return self.runs[-1]

    def _environment(self) -> dict[str, str]:
        """Nothing of the machine but its PATH: no keys, no proxies, no other configuration of Codex."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "CODEX_HOME": str(self.home),
            "TMPDIR": str(self.home.with_name("tmp")),
            "LANG": "C.UTF-8",
            "PROXY_KEY": CLIENT_KEY,
        }
