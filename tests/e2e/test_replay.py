"""What was recorded once is met again: the same Codex does the same work, with no upstream at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import proxy as mitmdump
from tests.e2e.codex import Codex
from tests.e2e.conftest import KEYS, ROUTES, Endpoint
from tests.e2e.proxy import Proxy
from tests.e2e.scripted_response import Call, ErrorResponse, ModelResponse, Reasoning, Text
from tests.e2e.scripted_upstream import ScriptedUpstream, UpstreamKind


@pytest.fixture
def proxy(upstreams: dict[UpstreamKind, ScriptedUpstream], tmp_path: Path) -> Iterator[Proxy]:
    """One that records; its `flows` stand beside `cases`."""
    addresses = {kind: upstream.base_url for kind, upstream in upstreams.items()}
    routes = ROUTES.format(**addresses, dead=mitmdump.free_port())
    keys = {f"{kind.upper()}_KEY": key for kind, key in KEYS.items()}
    target = f"http://127.0.0.1:{upstreams['responses'].port}"
    with mitmdump.running(tmp_path, routes, target, keys, "--set", f"capture_all={tmp_path / 'cases'}") as running:
        yield running


@pytest.fixture
def again(codex: Codex, proxy: Proxy, tmp_path: Path) -> Iterator[Codex]:
    """The same Codex, once it is asked for, on what was recorded until then."""
    folder = tmp_path / "again"
    folder.mkdir()
    with mitmdump.replaying(folder, tmp_path / "cases") as replaying:
        codex.provider["base_url"] = replaying.base_url
        yield codex


WORK = "write hello into a file"


@pytest.fixture
def recorded(endpoint: Endpoint, codex: Codex) -> Endpoint:
    """A session of two questions, in which a tool writes a file."""
    write = Call("exec_command", {"cmd": "echo hello > note.txt"})
    endpoint.upstream.script(
        ModelResponse(Reasoning("A file."), Text("I write."), write), ModelResponse(Text("Written, grüße 😀."))
    )
    assert codex.exec(WORK, model=endpoint.model).agent_messages == ["I write.", "Written, grüße 😀."]
    (codex.work / "note.txt").unlink()
    return endpoint


def test_a_recorded_session_is_done_again_without_an_upstream(recorded: Endpoint, again: Codex) -> None:
    run = again.exec(WORK, model=recorded.model)
    assert run.agent_messages == again.runs[0].agent_messages
    assert (again.work / "note.txt").read_text() == "hello\n"
    assert (run.code, run.errors, run.usage) == (0, [], again.runs[0].usage)


def test_another_question_is_refused_with_what_differs(recorded: Endpoint, again: Codex) -> None:
    run = again.exec("write goodbye into a file", model=recorded.model)
    assert "no recorded case answers this request" in run.failure
    assert f"-user: {WORK}" in run.failure
    assert "+user: write goodbye into a file" in run.failure
    assert len(run.errors) == 1


@pytest.fixture
def broken(endpoint: Endpoint, codex: Codex) -> list[str]:
    """What Codex told of an upstream that breaks off, and of one that refuses."""
    endpoint.upstream.script(ModelResponse(Text("I beg"), ending="drop"), ErrorResponse(400, "not so"))
    return [codex.exec(text, model=endpoint.model).failure for text in ("break", "refuse")]


def test_breaks_and_refusals_are_met_again(endpoint: Endpoint, broken: list[str], again: Codex) -> None:
    failures = [again.exec(text, model=endpoint.model).failure for text in ("break", "refuse")]
    assert all(broken)
    assert failures == broken
