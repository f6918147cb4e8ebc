"""What matters of a request is what was said and what can be called, not what changes from run to run."""

import json
from pathlib import Path
from typing import Any

import pytest

from converters.request_fingerprint import RequestFingerprint

CODEX = Path(__file__).parents[1] / "data" / "codex"
RECORDED = json.loads((CODEX / "parallel-calls.json").read_text())


def message(role: str, *texts: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text} for text in texts]}


def fingerprint(
    *items: dict[str, Any], model: str = "m", tools: list[dict[str, Any]] | None = None
) -> RequestFingerprint:
    return RequestFingerprint.of({"model": model, "input": list(items), "tools": tools or []})


def test_a_real_question_is_told_in_a_few_lines() -> None:
    assert RequestFingerprint.of(RECORDED).items == (
        "user: do it",
        *("call of exec_command", "call of exec_command", "output of exec_command", "output of exec_command"),
    )
    assert {"exec_command", "multi_agent_v1.spawn_agent", "web_search"} <= RequestFingerprint.of(RECORDED).tools


def test_a_question_without_items_is_what_the_user_says() -> None:
    assert RequestFingerprint.of({"model": "m", "input": "hi"}) == fingerprint(message("user", "hi"))


@pytest.mark.parametrize(
    "item",
    [
        message("developer", "You are an agent"),
        message("user", "<environment_context>\n  <cwd>/x</cwd>\n</environment_context>"),
        message("user", "# AGENTS.md instructions for /x\n\n<INSTRUCTIONS>tidy</INSTRUCTIONS>"),
        {"type": "reasoning", "summary": [], "encrypted_content": "xyz"},
    ],
)
def test_what_the_client_adds_by_itself_does_not_matter(item: dict[str, Any]) -> None:
    assert fingerprint(item, message("user", "hi")) == fingerprint(message("user", "hi"))


def test_ids_arguments_and_what_tools_said_do_not_matter() -> None:
    def told(number: int) -> RequestFingerprint:
        call = {"type": "function_call", "call_id": f"c{number}", "name": "ls", "arguments": f'{{"n":{number}}}'}
        return fingerprint(
            call, {"type": "function_call_output", "call_id": f"c{number}", "output": f"took {number} s"}
        )

    assert told(1) == told(2)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (fingerprint(message("user", "hi"), model="other"), ["model: other, recorded m"]),
        (fingerprint(message("user", "bye")), ["items: -user: hi", "items: +user: bye"]),
        (fingerprint(message("user", "hi"), message("assistant", "hello")), ["items: +assistant: hello"]),
        (fingerprint(), ["items: -user: hi"]),
        (
            fingerprint(message("user", "hi"), tools=[{"type": "function", "name": "ls"}]),
            ["tools: with ls, which the recorded request lacks"],
        ),
        (fingerprint(message("user", "hi")), []),
    ],
)
def test_a_difference_is_told_in_a_line(asked: RequestFingerprint, says: list[str]) -> None:
    assert fingerprint(message("user", "hi")).differences(asked) == says


def test_nearer_is_what_says_nearly_the_same() -> None:
    recorded, other = fingerprint(message("user", "list all the files")), fingerprint(message("user", "write a poem"))
    result = fingerprint(message("user", "list all the folders"))
    assert result.likeness(recorded) > result.likeness(other)
    assert result.likeness(result) == 1


def test_texts_may_be_folded_first() -> None:
    assert RequestFingerprint.of({"model": "m", "input": "HI"}, str.lower) == fingerprint(message("user", "hi"))
