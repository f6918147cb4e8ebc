"""What mitmproxy offers for any flow holds for both sides of an exchange: search, intercept and edit, export, save.

A real mitmweb is told by what its page sends; `test_mitmweb.py` has the page itself.
"""

import http.client
import json
import shlex
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import flowfilter, io
from mitmproxy import http as flows

from tests.e2e import proxy as mitmdump
from tests.e2e.codex import CLIENT_KEY
from tests.e2e.conftest import KEYS, ROUTES, Endpoint
from tests.e2e.proxy import Proxy
from tests.e2e.scripted_response import Call, Json, ModelResponse, Reasoning, Text
from tests.e2e.scripted_upstream import ScriptedUpstream, UpstreamKind

QUESTION = mitmdump.REPOSITORY / "scripts" / "codex_request.json"
"""Codex's, to say hi."""
PATIENCE = 10.0  # seconds; only a test that fails waits so long


class Page:
    """Speaks with mitmweb as its page does."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}/"

    def response_body(self, flow: str) -> Any:
        """The body of a flow's response; empty as long as there is none."""
        try:
            return self.send("GET", f"flows/{flow}/response/content.data", text=True)
        except urllib.error.HTTPError:
            return ""

    def send(self, method: str, path: str, body: Any = None, *, text: bool = False) -> Any:
        headers = {"content-type": "application/json", "authorization": "Bearer let-me-in"}
        forgery = {"cookie": "_mitmproxy_xsrf=aa", "x-xsrftoken": "aa"}  # that both are the same is what is asked for
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self._base + path, data, headers | forgery, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            body = response.read()
        return body.decode() if text else json.loads(body) if body else None

    def command(self, name: str, *arguments: str) -> Any:
        response = self.send("POST", f"commands/{name}", {"arguments": arguments})
        assert "error" not in response, response
        return response["value"]

    def found(self, expression: str) -> list[Json]:
        """The flows that a filter finds, as the page knows them."""
        self.command("view.filter.set", expression)
        found: list[Json] = self.send("GET", "flows")
        self.command("view.filter.set", "")
        return found

    def replay(self, flow: str) -> None:
        """As its button does; again where mitmproxy takes the flow for live, which it is a moment longer than its
        client reads.
        """
        end = time.monotonic() + PATIENCE
        refused = -1
        while self._refused_replays() > refused:
            assert time.monotonic() < end, "the flow stays live"
            refused = self._refused_replays()
            self.send("POST", f"flows/{flow}/replay")

    def _refused_replays(self) -> int:
        return sum("Can't replay live flow" in event["message"] for event in self.send("GET", "events"))

    def waiting(self, path: str) -> Json:
        """The flow that was intercepted."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for flow in self.send("GET", "flows"):
                if flow["intercepted"] and flow["request"]["path"].endswith(path):
                    return dict(flow)
            time.sleep(0.02)
        raise AssertionError(f"nothing was intercepted on its way to {path}")


@dataclass(frozen=True)
class Watched:
    page: Page
    proxy: Proxy
    beside: ThreadPoolExecutor

    def ask(self, model: str) -> str:
        return ask(self.proxy, model)

    def ask_beside(self, model: str) -> "Future[str]":
        return self.beside.submit(ask, self.proxy, model)

    def edit(self, flow: Json, before: str, after: str) -> None:
        """The flow's request, changed and let go."""
        text = json.dumps(self.page.send("GET", f"flows/{flow['id']}/request/content.data"))
        assert before in text
        self.page.send("PUT", f"flows/{flow['id']}", {"request": {"content": text.replace(before, after)}})
        self.page.send("POST", f"flows/{flow['id']}/resume")


@pytest.fixture(scope="module")
def watched(
    upstreams: dict[UpstreamKind, ScriptedUpstream], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    addresses = {kind: upstream.base_url for kind, upstream in upstreams.items()}
    routes = ROUTES.format(**addresses, dead=mitmdump.free_port())
    keys = {f"{kind.upper()}_KEY": key for kind, key in KEYS.items()}
    port = mitmdump.free_port()
    options = ("web_host=127.0.0.1", f"web_port={port}", "web_open_browser=false", "web_password=let-me-in")
    chosen = [part for option in options for part in ("--set", option)]
    folder = tmp_path_factory.mktemp("watched")
    running = mitmdump.running(folder, routes, "http://127.0.0.1:9", keys, *chosen, program="mitmweb")
    with running as proxy, ThreadPoolExecutor(1) as beside:
        yield Watched(Page(port), proxy, beside)


@pytest.fixture
def fresh(watched: Watched) -> Iterator[Watched]:
    watched.page.command("view.clear")
    yield watched
    watched.page.send("PUT", "options", {"intercept": ""})


@pytest.fixture
def answered(fresh: Watched, endpoint: Endpoint) -> Watched:
    """With one exchange, which lost something."""
    endpoint.upstream.script(ModelResponse(Reasoning("Hm."), Text("Guten-Tag"), Call("exec_command", {"cmd": "ls"})))
    assert "response.completed" in fresh.ask(endpoint.model)
    end = time.monotonic() + PATIENCE
    while not fresh.page.found('~comment ", 200, "') and time.monotonic() < end:
        time.sleep(0.05)  # the client has read all a moment before the flows say so
    return fresh


# --- search ---


@pytest.mark.parametrize(
    ("expression", "sides"),
    [
        ('~meta "exchange: {id}"', "client upstream"),
        ("~comment {id}", "client upstream"),
        ('~meta "side: client"', "client"),
        ('~meta "provider: {provider}$"', "upstream"),
        ('~meta "provider: nobody$"', ""),
        ('~meta "losses: [1-9]"', "client"),
        ("~marker :warning:", "client"),
        ("~marker :x:", ""),
        ("~bq exec_command", "client upstream"),
        ("~bs exec_command", "client upstream"),
        ("~bs response.output_text.delta", "client"),
        ("~b multi_agent_v1__close_agent", "upstream"),
    ],
)
def test_filters_find_each_side(answered: Watched, endpoint: Endpoint, expression: str, sides: str) -> None:
    [client] = answered.page.found('~meta "side: client"')
    short = client["comment"].partition(":")[0]
    found = answered.page.found(expression.format(id=short, provider=f"strict-{endpoint.name}"))
    paths = {"client": "/v1/responses", "upstream": endpoint.upstream.path}
    assert [flow["request"]["path"] for flow in found] == [paths[name] for name in sides.split()]


# --- intercept and edit ---


def test_the_upstream_s_request_can_be_edited_on_its_way(fresh: Watched, endpoint: Endpoint) -> None:
    endpoint.upstream.script(ModelResponse(Text("Edited.")))
    fresh.page.send("PUT", "options", {"intercept": '~q & ~meta "side: upstream"'})
    reading = fresh.ask_beside(endpoint.model)
    fresh.edit(fresh.page.waiting(endpoint.upstream.path), "say hi", "say good-bye")
    assert "Edited." in reading.result(PATIENCE)
    assert "say good-bye" in json.dumps(endpoint.upstream.received[0].body)


def test_the_client_s_question_can_be_edited_before_it_is_converted(fresh: Watched, endpoint: Endpoint) -> None:
    endpoint.upstream.script(ModelResponse(Text("Edited.")))
    fresh.page.send("PUT", "options", {"intercept": "~q & ~u /v1/responses$"})
    reading = fresh.ask_beside(endpoint.model)
    fresh.edit(fresh.page.waiting("/v1/responses"), "say hi", "say good-bye")
    assert "Edited." in reading.result(PATIENCE)
    assert "say good-bye" in json.dumps(endpoint.upstream.received[0].body)


# --- replay ---


@pytest.mark.parametrize("which", ["client", "upstream"])
@pytest.mark.parametrize("duplicate", [False, True])
def test_either_side_is_sent_again_by_the_page_s_button(
    answered: Watched, endpoint: Endpoint, which: str, duplicate: bool
) -> None:
    endpoint.upstream.script(ModelResponse(Text("Again")))
    [flow] = answered.page.found(f'~meta "side: {which}"')
    if duplicate:
        flow["id"] = answered.page.send("POST", f"flows/{flow['id']}/duplicate", text=True)
    answered.page.replay(flow["id"])
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and "Again" not in str(answered.page.response_body(flow["id"])):
        time.sleep(0.05)
    assert "Again" in str(answered.page.response_body(flow["id"]))
    sent = endpoint.upstream.received
    assert len(sent) == 2 and sent[0].body == sent[1].body
    assert not secrets_in(json.dumps(answered.page.send("GET", "flows")).encode())


# --- export and save ---


def test_both_sides_are_exported_as_curl(answered: Watched, endpoint: Endpoint, tmp_path: Path) -> None:
    for expression, path in (
        ('~meta "side: client"', "/v1/responses"),
        ('~meta "side: upstream"', endpoint.upstream.path),
    ):
        answered.page.command("export.file", "curl", expression, str(tmp_path / "curl"))
        command = shlex.split((tmp_path / "curl").read_text())
        assert command[0] == "curl" and any(argument.endswith(path) for argument in command)
        assert endpoint.model in json.loads(command[command.index("-d") + 1])["model"]
        assert secrets_in((tmp_path / "curl").read_bytes()) == []


def test_both_sides_are_exported_as_har(answered: Watched, endpoint: Endpoint, tmp_path: Path) -> None:
    answered.page.command("save.har", "@all", str(tmp_path / "har"))
    entries = json.loads((tmp_path / "har").read_text())["log"]["entries"]
    assert sorted(entry["request"]["url"].rpartition("/")[2] for entry in entries) == sorted(
        ["responses", endpoint.upstream.path.rpartition("/")[2]]
    )
    assert all("exec_command" in entry["response"]["content"]["text"] for entry in entries)
    assert secrets_in((tmp_path / "har").read_bytes()) == []


def test_both_sides_are_saved(answered: Watched, endpoint: Endpoint, tmp_path: Path) -> None:
    answered.page.command("save.file", "@all", str(tmp_path / "saved.mitm"))
    saved = read(tmp_path / "saved.mitm")
    assert [bool(flowfilter.match('~meta "side: client"', flow)) for flow in saved].count(True) == 1
    assert all(b"exec_command" in body(flow) for flow in saved)
    assert secrets_in((tmp_path / "saved.mitm").read_bytes()) == []


# --- what breaks ---


def test_an_answer_that_breaks_off_leaves_the_bytes_that_came(
    fresh: Watched, endpoint: Endpoint, tmp_path: Path
) -> None:
    endpoint.upstream.script(ModelResponse(Text("I begin"), ending="drop"))
    fresh.ask(endpoint.model)
    [attempt] = fresh.page.found('~meta "side: upstream"')
    assert attempt["marked"] == "❌" and "broke off" in attempt["comment"]
    fresh.page.command("save.file", "@all", str(tmp_path / "saved.mitm"))
    kept = {str(flow.metadata["transcodex.side"]): flow for flow in read(tmp_path / "saved.mitm")}
    assert b"I begin" in body(kept["upstream"]) and kept["upstream"].error
    assert b"I begin" in body(kept["client"])


def test_a_proxy_that_is_killed_leaves_no_secret_and_all_that_was_over(
    upstreams: dict[UpstreamKind, ScriptedUpstream], endpoint: Endpoint, tmp_path: Path
) -> None:
    addresses = {kind: upstream.base_url for kind, upstream in upstreams.items()}
    keys = {f"{kind.upper()}_KEY": key for kind, key in KEYS.items()}
    routes = ROUTES.format(**addresses, dead=mitmdump.free_port())
    endpoint.upstream.script(ModelResponse(Text("Guten-Tag")), ModelResponse(Text("I begin-and"), ending="stall"))
    with mitmdump.running(tmp_path, routes, "http://127.0.0.1:9", keys) as proxy:
        ask(proxy, endpoint.model)
        threading.Thread(target=ask, args=(proxy, endpoint.model), daemon=True).start()
        while len(endpoint.upstream.received) < 2:
            time.sleep(0.02)
        assert proxy.process is not None
        proxy.process.kill()
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != "routes.toml")
    assert b"Guten-Tag" in kept
    assert secrets_in(kept) == []


def ask(proxy: Proxy, model: str) -> str:
    """What a client reads whose question brings secrets along; nothing where the proxy is no more."""
    question = json.loads(QUESTION.read_text()) | {"model": model}
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=PATIENCE)
    secrets = {"authorization": f"Bearer {CLIENT_KEY}", "cookie": f"session={CLIENT_KEY}"}
    headers = {"content-type": "application/json", "chatgpt-account-id": CLIENT_KEY, **secrets}
    try:
        connection.request("POST", "/v1/responses", json.dumps(question), headers)
        return connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def read(path: Path) -> list[flows.HTTPFlow]:
    with path.open("rb") as file:
        return [flow for flow in io.FlowReader(file).stream() if isinstance(flow, flows.HTTPFlow)]


def body(flow: flows.HTTPFlow) -> bytes:
    assert flow.response is not None and flow.response.content is not None
    return flow.response.content


def secrets_in(data: bytes) -> list[str]:
    values = [*(key for key in KEYS.values() if key != KEYS["responses"]), CLIENT_KEY]
    return [value for value in values if value.encode() in data]
