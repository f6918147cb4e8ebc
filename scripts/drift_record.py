"""Records one version of Codex through the real proxy, against an upstream that responds as the sessions need."""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mitmproxy.http import HTTPFlow
from mitmproxy.io import FlowReader

from addons.exchange.flow_metadata import is_attempt
from scripts.codex import installed
from scripts.drift_places import Json, RecordedRequest
from scripts.drift_sessions import DONE, SESSIONS, Session, SessionContext
from tests.e2e import proxy as mitmdump
from tests.e2e.codex import Codex, Run
from tests.e2e.proxy import Proxy
from tests.e2e.scripted_upstream import ScriptedUpstream

CACHE = mitmdump.REPOSITORY / ".cache"
_KEY = "drift-key-of-nobody"
_ROUTES = """\
[[routes]]
models = ["drift*", "codex-auto-review"]
providers = ["drift"]

[providers.drift]
protocol = "chat"
base_url = "{address}"
key_env = ["DRIFT_KEY"]
dialect = {{ reasoning_back = "exact", effort = "thinking", tool_choice = "auto", response_format = "json_object" }}
models = {{ "drift-listed" = {{ context = 200_000, images = true }} }}
"""


@dataclass
class Recording:
    """The requests of one version by session, and why sessions did not come to their end."""

    version: str
    requests: dict[str, list[RecordedRequest]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def ran(self) -> list[str]:
        return [name for name in self.requests if name not in self.failures]


def record(version: str) -> Recording:
    """All sessions, one after another, about a second each.

    Raises:
        SystemExit: this version cannot be had; the reason has been printed.
    """
    recording, spans = Recording(version), dict[str, tuple[float, float]]()
    program, upstream = installed(version), ScriptedUpstream("chat", _KEY)
    with _scratch() as folder:
        routes = _ROUTES.format(address=upstream.base_url)
        target = f"http://127.0.0.1:{mitmdump.free_port()}"  # nobody is there
        with upstream.serving(), mitmdump.running(folder, routes, target, {"DRIFT_KEY": _KEY}) as proxy:
            for session in SESSIONS:
                start = time.time()
                if failure := _play(session, _codex(program, folder / session.name, proxy), upstream):
                    recording.failures[session.name] = failure
                spans[session.name] = (start, time.time())
        flows = list(_client_flows(proxy.flows))
    for name, (start, end) in spans.items():
        recording.requests[name] = [
            _recorded_request(flow) for flow in flows if start <= flow.request.timestamp_start <= end
        ]
    return recording


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder outside of /tmp: Codex does not work fully with a home in there."""
    CACHE.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="drift-", dir=CACHE))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _codex(program: Path, folder: Path, proxy: Proxy) -> Codex:
    home, work = folder / "home", folder / "work"
    home.mkdir(parents=True)
    (folder / "tmp").mkdir()
    subprocess.run(["git", "init", "--quiet", work], check=True)
    return Codex(program, home, work, proxy.base_url)


def _play(session: Session, codex: Codex, upstream: ScriptedUpstream) -> str:
    """Why the session did not come to its end; empty if it did."""
    upstream.reset()
    try:
        run = session.play(SessionContext(codex, upstream))
    except subprocess.TimeoutExpired:
        return "Codex did not end"
    return _failure(session, run, upstream)


def _failure(session: Session, run: Run, upstream: ScriptedUpstream) -> str:
    if upstream.refusals:
        return f"the upstream refused: {upstream.refusals[0]}"
    if run.code or DONE not in run.stdout:
        lines = [*run.errors, run.failure, *run.stderr.strip().splitlines()[:1], f"Codex ended with {run.code}"]
        return next(filter(None, lines))
    last_request = json.dumps(upstream.received[-1].body, ensure_ascii=False) if upstream.received else ""
    if session.proof.replace('"', '\\"') not in last_request and session.proof not in last_request:
        return f"the last request does not hold {session.proof!r}"
    return ""


def _client_flows(file: Path) -> Iterator[HTTPFlow]:
    with file.open("rb") as saved:
        for flow in FlowReader(saved).stream():
            if isinstance(flow, HTTPFlow) and not is_attempt(flow):
                yield flow


def _recorded_request(flow: HTTPFlow) -> RecordedRequest:
    headers = tuple((name, value) for name, value in flow.request.headers.items(multi=True))
    return RecordedRequest(flow.request.method, flow.request.path, headers, _object(flow.request.content))


def _object(body: bytes | None) -> Json | None:
    """None for what is no JSON object: that is no request to a model."""
    try:
        value = json.loads(body or b"null")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
