"""scripts/show: a case as text for a person."""

import runpy
import sys
from pathlib import Path

import pytest

from addons.cases.case import Case
from tests.addons.example_cases import RESPONSE_CHUNKS, case, request_fields

SCRIPT = Path(__file__).parents[1] / "scripts" / "show.py"


def show(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """The exit code."""
    monkeypatch.setattr(sys, "argv", ["show", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    return int(ended.value.code or 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "chat" / "hello"


def saved(folder: Path, example: Case) -> Path:
    example.save(folder)
    return folder


def test_a_case_is_shown_from_both_sides(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tools = [{"type": "web_search"}]
    saved(folder, case(request_fields("How are you?", tools=tools), times=(3, 5, 9)))
    assert show(monkeypatch, folder) == 0
    head, *parts = capsys.readouterr().out.split("\n--- ")
    assert head.splitlines()[:2] == ["=== chat/hello: A test.", "m-1 -> acme model-x (chat)"]
    client_request, upstream_request, upstream_response, client_response = parts
    assert client_request.startswith("client_request\n") and "How are you?" in client_request
    assert "lost tools[0]: web_search" in upstream_request and "How are you?" in upstream_request
    assert upstream_response.startswith("upstream_response 200\n3 pieces: first after 3 ms")
    assert client_response.startswith("client_response 200\n")
    assert "  Hello\n" in upstream_response and "  Hello\n" in client_response


def test_one_part_is_shown_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(monkeypatch, saved(folder, case()), "--only", "client_response") == 0
    assert capsys.readouterr().out.count("\n--- ") == 1


def test_what_nobody_answered_and_what_broke_off_is_shown_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    saved(folder, case(pieces=(), status=None, broken="unreachable"))
    assert show(monkeypatch, folder) == 0
    assert "upstream_response\nunreachable: acme unreachable\nnobody answered\n" in capsys.readouterr().out
    cut = saved(folder.with_name("cut"), case(pieces=RESPONSE_CHUNKS[:2], broken="cut"))
    assert show(monkeypatch, cut, "--only", "upstream_response") == 0
    said = capsys.readouterr().out
    assert "cut: acme cut" in said and "  Hello" in said


def test_all_cases_of_a_folder_are_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        saved(folder.with_name(name), case())
    assert show(monkeypatch, folder.parent) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("===")] == [
        "=== chat/one: A test.",
        "=== chat/two: A test.",
    ]


def test_what_is_no_case_is_told_and_the_others_are_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    saved(folder, case())
    nowhere = folder.with_name("nowhere")
    assert show(monkeypatch, nowhere, folder) == 2
    said = capsys.readouterr()
    assert said.err == f"{nowhere}/case.toml: is missing\n"
    assert "=== chat/hello" in said.out
