"""What was recorded once is met again: the same Codex does the same work, with no upstream at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import proxy as mitmdump
from tests.e2e.answers import Call, Refuse, Say, Text, Think
from tests.e2e.codex import Codex
from tests.e2e.conftest import KEYS, ROUTES, Side
from tests.e2e.proxy import Proxy
from tests.e2e.upstream import Speech, Upstream


@pytest.fixture
def proxy(upstreams: dict[Speech, Upstream], tmp_path: Path) -> Iterator[Proxy]:
    """One that records; its `flows` stand beside `cases`."""
    addresses = {speech: upstream.base_url for speech, upstream in upstreams.items()}
    routes = ROUTES.format(**addresses, dead=mitmdump.free_port())
    keys = {f"{speech.upper()}_KEY": key for speech, key in KEYS.items()}
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
def recorded(side: Side, codex: Codex) -> Side:
    """A session of two questions, in which a tool writes a file."""
    write = Call("exec_command", {"cmd": "echo hello > note.txt"})
    side.upstream.script(Say(Think("A file."), Text("I write."), write), Say(Text("Written, grüße 😀.")))
    assert codex.exec(WORK, model=side.model).said == ["I write.", "Written, grüße 😀."]
    (codex.work / "note.txt").unlink()
    return side


def test_a_recorded_session_is_done_again_without_an_upstream(recorded: Side, again: Codex) -> None:
    run = again.exec(WORK, model=recorded.model)
    assert run.said == again.runs[0].said
    assert (again.work / "note.txt").read_text() == "hello\n"
    assert (run.code, run.told, run.usage) == (0, [], again.runs[0].usage)


def test_another_question_is_refused_with_what_differs(recorded: Side, again: Codex) -> None:
    run = again.exec("write goodbye into a file", model=recorded.model)
    assert "no recorded case answers this request" in run.failure
    assert f"-user: {WORK}" in run.failure
    assert "+user: write goodbye into a file" in run.failure
    assert len(run.told) == 1


@pytest.fixture
def broken(side: Side, codex: Codex) -> list[str]:
    """What Codex told of an upstream that breaks off, and of one that refuses."""
    side.upstream.script(Say(Text("I beg"), ends="drop"), Refuse(400, "not so"))
    return [codex.exec(text, model=side.model).failure for text in ("break", "refuse")]


def test_breaks_and_refusals_are_met_again(side: Side, broken: list[str], again: Codex) -> None:
    told = [again.exec(text, model=side.model).failure for text in ("break", "refuse")]
    assert all(broken)
    assert told == broken
