"""scripts/record: a session that is recorded again differs by what changed, and not by chance."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from addons.cases.case import Case
from addons.redaction.detectors import Redactor
from addons.redaction.redact_case import redact
from scripts.normalize_case import is_same, normalized
from tests.addons.example_cases import case, request_fields

ROOT = Path(__file__).parents[1]
ONE = "01a1fbbc-a1b0-7632-b9d2-c852b3579a36", "01a1fbbc-a1b0-7632-b9d2-c852b3579a37"


def session(folder: str, chunk: str, second: int, *ids: str, said: str = "42", swapped: bool = False) -> Case:
    """What one run of the same session looks like."""
    turn = json.dumps({"thread_id": ids[0], "turn_started_at_unix_ms": second * 1000})
    metadata = {"x-codex-turn-metadata": turn, "thread_id": ids[0], "turn_id": ids[1]}
    if swapped:
        metadata = dict(reversed(metadata.items()))
    text = f"<cwd>/x/{folder}/work</cwd>\nChunk ID: {chunk}\nWall time: 0.{second} seconds\nOutput:\n{said}"
    base = case(request_fields(text, client_metadata=metadata), times=(second, second, second))
    headers = {"x-codex-turn-metadata": turn}
    return replace(base, metadata=base.metadata.model_copy(update={"now": second, "client_headers": headers}))


def made(recorded: Case, earlier: Case | None = None) -> Case:
    return redact(normalized(recorded, earlier), Redactor()).case


FIRST = session("tmpab12cd_4", "de01f7", 11, *ONE)
AGAIN = session("tmpzz99zz99", "73ae9e", 27, *ONE[::-1], swapped=True)


def test_what_differs_by_chance_is_the_same() -> None:
    earlier = made(FIRST)
    assert is_same(made(AGAIN, earlier), earlier)
    assert made(AGAIN, earlier).files() == earlier.files()


def test_a_recording_of_old_that_holds_chance_is_the_same() -> None:
    old = redact(FIRST, Redactor()).case
    assert is_same(made(AGAIN, old), old)


@pytest.mark.parametrize("fields", [{"said": "43"}, {"folder": "elsewhere"}])
def test_what_changed_is_not_the_same_and_nothing_else_is_shown(fields: dict[str, Any]) -> None:
    earlier = made(FIRST)
    given: dict[str, Any] = {"folder": "tmpzz99zz99", **fields}
    changed = made(session(given.pop("folder"), "1", 27, *ONE, **given), earlier)
    assert not is_same(changed, earlier)
    assert changed.metadata == earlier.metadata
    before, after = (case.client_request.splitlines() for case in (earlier, changed))
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 1


@pytest.mark.slow
def test_a_case_that_there_is_not_is_told() -> None:
    done = subprocess.run([ROOT / "scripts" / "record", "nonsense"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("nonsense: not in scripts/record.toml, which has plain-answer, ")
    assert done.stderr.count("\n") == 1
