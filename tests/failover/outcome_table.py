"""The file of tables that the suite writes and is compared with: all but the seconds, which differ from run to run."""

import re
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from tests.failover.clients import CODEX, STREAMED, WHOLE
from tests.failover.fault_suite import Observation

FILE = Path(__file__).with_name("outcomes.md")

_COLUMNS = (
    *("fault", "Codex printed", "exit", "`openai`, streamed", "`openai`, whole"),
    *("requests of `openai`", "of Codex", "seconds"),
)
SECONDS, REQUESTS_AND_SECONDS = 1, 2
"""How many of the last columns two runs need not share."""


def table(observations: Iterable[Observation]) -> list[str]:
    """Its lines; a row for each fault, in their order. A column that has nothing is left out."""
    by_fault = groupby(observations, lambda observation: observation.scenario.fault.name)
    rows = [_cells(name, list(group)) for name, group in by_fault]
    kept = [number for number in range(len(_COLUMNS)) if any(row[number] for row in rows)]
    lines = [_COLUMNS, ("---",) * len(_COLUMNS), *([_escaped(cell) for cell in row] for row in rows)]
    return [f"| {' | '.join(line[number] for number in kept)} |" for line in lines]


def _escaped(cell: str) -> str:
    return re.sub(r"([|<>*_`\\])", r"\\\1", cell)


def _cells(name: str, row: list[Observation]) -> list[str]:
    codex = next(observation for observation in row if observation.scenario.client in CODEX)
    others = {observation.scenario.client: observation for observation in row if observation is not codex}
    streamed, whole = (others.get(client) for client in (STREAMED, WHOLE))
    return [
        name,
        codex.told.text + (f" (retries of its own: {codex.told.retries})" if codex.told.retries else ""),
        str(codex.told.code),
        streamed.told.text if streamed else "",
        whole.told.text if whole else "",
        ", ".join(dict.fromkeys(map(_requests, others.values()))),
        _requests(codex),
        f"{max(observation.seconds for observation in row):.1f}",
    ]


def _requests(observation: Observation) -> str:
    return " + ".join(map(str, observation.requests))


def without_last(columns: int, lines: Iterable[str]) -> list[str]:
    return [line.rsplit(" | ", columns)[0] for line in lines]


def read(title: str) -> list[str]:
    """The lines of the table with this title; none where the file has none."""
    _, _, after = FILE.read_text().partition(f"\n## {title}\n")
    return [line for line in after.partition("\n## ")[0].splitlines() if line.startswith("|")]


def write(title: str, lines: Iterable[str]) -> None:
    """In the place of the table with this title, or at the end."""
    text, heading, block = FILE.read_text(), f"\n## {title}\n", "".join(f"{line}\n" for line in lines)
    before, found, after = text.partition(heading)
    _, following, rest = after.partition("\n## ")
    FILE.write_text(f"{before}{heading}\n{block}{following}{rest}" if found else f"{text}{heading}\n{block}")
