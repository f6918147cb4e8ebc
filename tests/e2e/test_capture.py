"""What stays of an exchange that is full of secrets: nothing of them, wherever one looks."""

import http.client
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from addons.cases.case import Case
from tests.e2e import proxy as mitmdump
from tests.e2e.codex import CLIENT_KEY
from tests.e2e.conftest import KEYS, ROUTES, Endpoint
from tests.e2e.proxy import Proxy
from tests.e2e.scripted_response import ModelResponse, Reasoning, Text
from tests.e2e.scripted_upstream import ScriptedUpstream, UpstreamKind

SHAPED = "sk-proj-" + "a1B2c3D4e5F6g7H8i9J0"
PRIVATE = (*(key for key in KEYS.values() if key != KEYS["responses"]), SHAPED, CLIENT_KEY, "ann@corp.org", "/home/ann")
SECRETS_TEXT = (
    f"keys {KEYS['chat']} {KEYS['openai']} {KEYS['anthropic']} {SHAPED}, mail ann@corp.org, in /home/ann/x; hunter2"
)
CODEX_REQUEST = Path(__file__).parents[2] / "scripts" / "codex_request.json"


@pytest.fixture(scope="module")
def recording(
    upstreams: dict[UpstreamKind, ScriptedUpstream], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    addresses = {kind: upstream.base_url for kind, upstream in upstreams.items()}
    keys = {f"{kind.upper()}_KEY": key for kind, key in KEYS.items()} | {"USER_TOKEN": CLIENT_KEY}
    folder = tmp_path_factory.mktemp("recording")
    options = ("--set", f"capture_all={folder / 'all'}", "--set", "redact=hunter2")
    routes = ROUTES.format(**addresses, dead=mitmdump.free_port())
    with mitmdump.running(folder, routes, "http://127.0.0.1:9", keys, *options) as running:
        yield running


def ask(port: int, model: str, text: str) -> str:
    """What the client reads. The question says what is private, and so do its headers."""
    body = json.loads(CODEX_REQUEST.read_text()) | {"model": model}
    body["input"][-1]["content"] = [{"type": "input_text", "text": text}]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {
        **{"content-type": "application/json", "x-codex-window-id": "w", "user-agent": "codex_exec/0.169.0 (ann)"},
        **{"authorization": f"Bearer {CLIENT_KEY}", "cookie": f"session={CLIENT_KEY}"},
    }
    connection.request("POST", "/v1/responses", json.dumps(body), headers)
    response = connection.getresponse()
    response_text = response.read().decode()
    connection.close()
    assert response.status == 200, response_text
    return response_text


def leaked(folder: Path) -> list[str]:
    files = {path: path.read_bytes().decode("utf-8", "replace") for path in folder.rglob("*") if path.is_file()}
    return [f"{path}: {secret}" for path, text in files.items() for secret in (*PRIVATE, "hunter2") if secret in text]


def test_no_key_of_an_exchange_is_in_any_file_that_is_kept_of_it(
    endpoint: Endpoint, recording: Proxy, tmp_path: Path
) -> None:
    kept = recording.log.parent / "all" / endpoint.name
    before = set(kept.glob("2*"))
    endpoint.upstream.script(ModelResponse(Reasoning(SECRETS_TEXT), Text(SECRETS_TEXT)))
    response_text = ask(recording.port, endpoint.model, SECRETS_TEXT)
    # The key that this exchange was paid with is masked for the client as well.
    assert (
        KEYS["openai"]
        in json.loads(response_text.rpartition("data: ")[2])["response"]["output"][-1]["content"][0]["text"]
    )
    _wait_for_another(kept, before)
    [folder] = set(kept.glob("2*")) - before
    case = Case.load(folder)
    assert leaked(folder) == []
    assert case.metadata.codex == "0.169.0" and case.renewed() == case
    text = json.loads(case.client_response.data.rpartition(b"data: ")[2])["response"]["output"][-1]["content"][0][
        "text"
    ]
    assert text in case.client_request.decode()  # the same placeholders on both sides
    captured = captured_of(recording.flows, endpoint, tmp_path)
    assert leaked(captured) == []


def captured_of(flows: Path, endpoint: Endpoint, folder: Path) -> Path:
    """What scripts/capture makes of what mitmdump saved."""
    script = mitmdump.REPOSITORY / "scripts" / "capture"
    listed = folder / "listed"
    listed.write_text("\n".join((*PRIVATE, "hunter2")))
    options = ["--redact", f"@{listed}", "--into", str(folder / "flows"), "--name", f"{endpoint.name}/exchange"]
    command = [script, flows, f'~meta "provider: strict-{endpoint.name}"', *options, "--pins", "Nothing is told."]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert (folder / "flows" / endpoint.name).is_dir()
    return folder / "flows"


def _wait_for_another(kept: Path, before: set[Path]) -> None:
    for _ in range(200):
        if set(kept.glob("2*")) - before:
            return
        time.sleep(0.05)
    raise AssertionError("nothing was kept")
