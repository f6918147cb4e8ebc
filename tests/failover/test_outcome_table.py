"""A change in what a fault costs shows in the table, and its seconds do not."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.failover import laws, outcome_table
from tests.failover.clients import HANGS, Told
from tests.failover.fault_suite import Observation, Scenario
from tests.failover.faults import ALL, Fault
from tests.failover.outcome_table import REQUESTS_AND_SECONDS, SECONDS, without_last

AFTER = Fault("cut", strikes="after content")
ANSWER = "first has the answer"


def seen(client: str, told: Told, *requests: int, fault: Fault | None = None) -> Observation:
    protocols = ("chat", "anthropic")[: len(requests)]
    return Observation(Scenario(fault or Fault("a|b"), client, protocols), told, requests, 1.26)


ROW = [
    seen("Codex", Told("it broke", 1, retries=2), 1, 0),
    seen("openai, streamed", Told("Error 500", 500), 2, 1),
    seen("openai, whole", Told("Error 500", 500), 2, 1),
]


def test_a_row_has_all_clients() -> None:
    *_, row = outcome_table.table(ROW)
    assert row == r"| a\|b | it broke (retries of its own: 2) | 1 | Error 500 | Error 500 | 2 + 1 | 1 + 0 | 1.3 |"


def test_a_column_without_anything_is_left_out() -> None:
    titles, _, row = outcome_table.table(ROW[:1])
    assert "openai" not in titles
    assert row.endswith("| 1 | 1 + 0 | 1.3 |")


def test_only_the_last_columns_may_differ() -> None:
    before, slower = outcome_table.table(ROW), outcome_table.table([replace(each, seconds=70.0) for each in ROW])
    more = outcome_table.table([replace(ROW[0], requests=(2, 0)), *ROW[1:]])
    assert before != slower
    assert without_last(SECONDS, before) == without_last(SECONDS, slower) != without_last(SECONDS, more)
    assert without_last(REQUESTS_AND_SECONDS, before) == without_last(REQUESTS_AND_SECONDS, more)


def test_a_table_is_written_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "outcomes.md"
    file.write_text("# Title\n\nWords.\n")
    monkeypatch.setattr(outcome_table, "FILE", file)
    for title, line in [("One", "| 1 |"), ("Two", "| 2 |"), ("One", "| 3 |")]:
        outcome_table.write(title, [line])
    assert (outcome_table.read("One"), outcome_table.read("Two"), outcome_table.read("Tw")) == (
        ["| 3 |"],
        ["| 2 |"],
        [],
    )
    assert file.read_text() == "# Title\n\nWords.\n\n## One\n\n| 3 |\n\n## Two\n\n| 2 |\n"


def test_faults_have_names_of_their_own() -> None:
    assert len({fault.name for fault in ALL}) == len(ALL)


@pytest.mark.parametrize(
    ("observation", "law"),
    [
        (seen("Codex", Told(HANGS, -1), 1), "hangs"),
        (seen("Codex", Told(ANSWER, 0, lines=2), 1, 1), "released twice"),
        (seen("Codex", Told(ANSWER, 0, lines=0), 1, 1), "did not run once"),
        (seen("Codex", Told("it broke", 1, lines=1), 1), "ran in a broken one"),
        (seen("openai, whole", Told('{"error": 1}', 500), 1), "markup"),
        (
            seen("openai, whole", Told("second has the answer", 0), 1, 1, fault=Fault("", strikes="never")),
            "good answer",
        ),
        (seen("openai, streamed", Told("half", 0), 1, fault=AFTER), "taken for a good one"),
        (seen("openai, streamed", Told("it broke", 200), 1, 1, fault=AFTER), "again after content"),
        (seen("openai, whole", Told("it broke", 502), 1, 1), "was seen"),
        (seen("Codex", Told(ANSWER, 0, lines=1, noise="oops"), 1, 1), "was seen"),
        (seen("openai, whole", Told(ANSWER, 0), 1), "nobody could"),
        (seen("openai, whole", Told("no", 400), 1, 1, fault=Fault("", is_told=True)), "client's to know"),
    ],
)
def test_a_broken_law_is_found(observation: Observation, law: str) -> None:
    assert law in laws.broken([observation])


def test_what_holds_is_let_be() -> None:
    good = [
        seen("Codex", Told("second has the answer", 0, lines=1), 1, 2),
        seen("openai, streamed", Told("it broke", 200), 1, fault=AFTER),
        seen("openai, whole", Told("second has the answer", 0), 1, 1, fault=AFTER),
        seen("openai, whole", Told("it broke", 502), 3),
    ]
    assert laws.broken(good) == ""
