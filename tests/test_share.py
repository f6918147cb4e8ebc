"""scripts/share: what cases have in common stands once, and each case is as long as what is particular to it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from addons.cases.case import Case, pretty
from scripts.share import share
from tests.addons.example_cases import case, request_fields

INSTRUCTIONS = "You are Codex, a coding agent.\n" + "Be brief, be right, and say what you do not know.\n" * 100
SKILLS = "A skill is a file.\n" * 30
TOOL = {"type": "function", "name": "shell", "description": "Runs a command. " * 40, "parameters": {"type": "object"}}


def session(text: str, tools: list[Any], folder: str = "/home/user-1/x", codex: str = "0.169.0") -> Case:
    skills = f"{SKILLS}They are in {folder}.\n{SKILLS}"
    items = [
        {"type": "message", "role": role, "content": said} for role, said in (("developer", skills), ("user", text))
    ]
    session_case = case(request_fields(items, instructions=INSTRUCTIONS, tools=tools))
    return replace(session_case, metadata=session_case.metadata.model_copy(update={"codex": codex}))


@pytest.fixture
def recorded(tmp_path: Path) -> dict[str, Case]:
    """Three cases, each of a folder of its own."""
    cases = {f"case-{n}": session(f"question {n}", [TOOL], f"/home/user-{n}/x", f"0.16{n}.0") for n in (7, 8, 9)}
    for name, session_case in cases.items():
        session_case.save(tmp_path / "chat" / name)
    return cases


def stored(folder: Path, name: str, file: str = "client_request") -> Any:
    return json.loads((folder / "chat" / name / f"{file}.json").read_text())


def test_what_is_common_is_named_by_its_words_and_by_who_says_it(tmp_path: Path, recorded: dict[str, Case]) -> None:
    said = share(tmp_path)
    assert [line for line in said if line.endswith(": written")] == [f"chat/{name}: written" for name in recorded]
    body = stored(tmp_path, "case-8")
    instructions = "<shared codex-0.169.0/you-are-codex-a-coding-agent.md>"
    assert body["instructions"] == instructions
    assert body["tools"] == "<shared codex-0.169.0/client_request/1-tools.json>"
    sent = stored(tmp_path, "case-8", "upstream_request")
    assert sent["messages"][0]["content"].startswith(instructions)
    assert sent["tools"] == "<shared codex-0.169.0/chat/1-tools.json>"
    stream = (tmp_path / "chat/case-8/client_response.sse").read_text()
    assert stream.count(instructions) == stream.count("/client_response/1-tools.json>") == 3


def test_of_a_text_that_names_this_machine_the_lines_around_are_shared(
    tmp_path: Path, recorded: dict[str, Case]
) -> None:
    share(tmp_path)
    lines = "<shared codex-0.169.0/a-skill-is-a-file-a.md>"
    assert stored(tmp_path, "case-8")["input"][0]["content"] == f"{lines}They are in /home/user-8/x.\n{lines}"


def test_the_cases_are_what_they_were(tmp_path: Path, recorded: dict[str, Case]) -> None:
    share(tmp_path)
    assert {name: Case.load(tmp_path / "chat" / name) for name in recorded} == recorded
    assert share(tmp_path) == []


def test_a_new_case_is_folded_as_it_is_saved(tmp_path: Path, recorded: dict[str, Case]) -> None:
    share(tmp_path)
    session("another question", [TOOL]).save(tmp_path / "chat" / "new")
    assert stored(tmp_path, "new")["tools"] == "<shared codex-0.169.0/client_request/1-tools.json>"
    assert share(tmp_path) == []


def test_another_codex_brings_what_is_new_and_keeps_the_names_of_the_rest(
    tmp_path: Path, recorded: dict[str, Case]
) -> None:
    share(tmp_path)
    other = TOOL | {"description": "Runs a program. " * 40}
    for number in range(3):
        session(f"again {number}", [TOOL, other], codex="0.170.0").save(tmp_path / "chat" / f"new-{number}")
    added = [line for line in share(tmp_path) if line.endswith(": added")]
    assert "shared/codex-0.170.0/client_request/shell.json: added" in added
    assert stored(tmp_path, "new-0")["instructions"] == "<shared codex-0.169.0/you-are-codex-a-coding-agent.md>"


def test_words_that_are_no_file_name_are_left_out_of_it(tmp_path: Path) -> None:
    for number in range(3):
        session_case = session("hi", [TOOL | {"name": "ünder/way"}, TOOL | {"name": "道具"}])
        text = "日本語の説明。\n" * 300
        request = json.loads(session_case.client_request) | {"instructions": text}
        replace(session_case, client_request=pretty(json.dumps(request).encode())).renewed().save(
            tmp_path / "chat" / f"case-{number}"
        )
    share(tmp_path)
    assert stored(tmp_path, "case-0")["instructions"] == "<shared codex-0.169.0/text.md>"
    tools = json.loads((tmp_path / "shared/codex-0.169.0/client_request/2-tools.json").read_text())
    where = "codex-0.169.0/client_request"
    assert tools == [f"<shared {where}/nder-way.json>", f"<shared {where}/tool.json>"]


def test_what_no_case_says_any_more_is_removed(tmp_path: Path, recorded: dict[str, Case]) -> None:
    share(tmp_path)
    for name in recorded:
        session("other", []).save(tmp_path / "chat" / name, replacing=True)
    gone = {line.split(":")[0] for line in share(tmp_path) if "removed" in line}
    assert "shared/codex-0.169.0/chat/1-tools.json" in gone
    assert not (tmp_path / "shared/codex-0.169.0/chat/1-tools.json").exists()
    assert (tmp_path / "shared/codex-0.169.0/you-are-codex-a-coding-agent.md").exists()
