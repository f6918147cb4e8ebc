"""Moves what cases have in common into flows/shared/, and names it where it stood. `scripts/share` starts it.

    shared/codex-VERSION/ITS-FIRST-WORDS.md   a text that the client sends, or consecutive lines of one
    shared/codex-VERSION/WHERE/TOOL.json      a tool; WHERE is client_request, client_response, or a protocol
    shared/codex-VERSION/WHERE/12-tools.json  a list of twelve

The version is the newest that says so. What is there keeps its name as long as a case refers to it.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from addons.cases import atomic_dir, shared_texts
from addons.cases.case import Case
from addons.redaction.detectors import PLACEHOLDER
from converters import jsontext

FLOWS = Path(__file__).parents[1] / "flows"

_COMMON = 3
"""In so many cases. Two are a pair: of both protocols, or a call and its output."""

_WORTH_IT = 400
"""Bytes: below, the name is not much shorter, and a reader would rather see the thing."""

_LONG = 4000
"""So long a value is shared by two cases, or by the sides of one: the upstream is sent what the client sends."""

type Found = tuple[str, Any]
"""The name that a value would like to have, without version and suffix, and the value: a text or JSON."""


def share(flows: Path) -> list[str]:
    """What was done, a line for each shared value that came or went, and for each case that was written anew."""
    texts = shared_texts.of(flows / "shared")
    cases = {path.parent: Case.load(path.parent) for path in sorted(flows.glob("*/*/case.toml"))}
    added = [name for wanted, value in common(list(cases.values())) if (name := texts.add(wanted, value))]
    written = [folder for folder, case in cases.items() if _written(folder, case)]
    used = set().union(*(texts.referred_to(data) for folder in cases for data in atomic_dir.read(folder).values()))
    gone = sorted(set(texts.names) - used)
    for name in gone:
        texts.remove(name)
    return [
        *(f"shared/{name}: added" for name in added),
        *(f"{folder.relative_to(flows)}: written" for folder in written),
        *(f"shared/{name}: removed, no case refers to it" for name in gone),
    ]


# --- what is common ---


def common(cases: list[Case]) -> list[Found]:
    """The values worth sharing and the names that they would like to have, the shortest first."""
    often = Counter(line for case in cases for line in {line for text in _texts(case) for line in _lines(text)})
    wanted: dict[bytes, Found] = {}
    seen: Counter[bytes] = Counter()
    for case in sorted((case for case in cases if case.metadata.codex), key=_version, reverse=True):
        found = {jsontext.dumps(value): (name, value) for name, value in _found(case, often)}
        seen.update(found.keys())
        for key, (name, value) in found.items():
            wanted.setdefault(key, (f"codex-{case.metadata.codex}/{name}", value))
    worth = [key for key, count in seen.items() if len(key) >= (_WORTH_IT if count >= _COMMON else _LONG)]
    return [wanted[key] for key in sorted(worth, key=lambda key: (len(key), key))]


def _version(case: Case) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", case.metadata.codex)]


def _found(case: Case, often: Counter[str]) -> Iterator[Found]:
    for text in _texts(case):
        runs = groupby(_lines(text), lambda line: often[line] >= _COMMON)
        is_whole = len(text) >= _LONG and not PLACEHOLDER.search(text)  # no word of this machine in it
        for run in [text] if is_whole else ["".join(lines) for is_common, lines in runs if is_common]:
            yield _slug(run), run
    for side, body in _bodies(case):
        for tools in _lists_of_tools(body):
            yield f"{side}/{len(tools)}-tools", tools
            yield from ((f"{side}/{_name(tool)}", tool) for tool in tools)


def _texts(case: Case) -> Iterator[str]:
    """All that the client sends and that have lines."""
    waiting = [jsontext.loads(case.client_request)]
    while waiting:
        match waiting.pop():
            case str() as text if "\n" in text:  # not a picture's bytes
                yield text
            case list() as values:
                waiting += values
            case dict() as values:
                waiting += values.values()


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _bodies(case: Case) -> Iterator[tuple[str, Any]]:
    yield "client_request", jsontext.loads(case.client_request)
    yield case.metadata.route.protocol, jsontext.loads(case.upstream_request)
    for line in case.client_response.data.splitlines():
        if line.startswith(b'data: {"type":"response.created"'):
            yield "client_response", jsontext.loads(line.removeprefix(b"data: "))


def _lists_of_tools(value: Any) -> Iterator[list[Any]]:
    """Not those within a tool."""
    match value:
        case {"tools": list() as tools, **others}:
            yield tools
            yield from _lists_of_tools(others)
        case dict():
            yield from (tools for inner in value.values() for tools in _lists_of_tools(inner))
        case list():
            yield from (tools for inner in value for tools in _lists_of_tools(inner))


def _name(tool: Any) -> str:
    match tool:
        case {"name": str(name)} | {"function": {"name": str(name)}} | {"type": str(name)}:
            return re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-") or "tool"
        case _:
            return "tool"


def _slug(text: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", text.lower())[:6]) or "text"


# --- files ---


def _written(folder: Path, case: Case) -> bool:
    differs = case.files_in(folder) != atomic_dir.read(folder)
    if differs:
        case.save(folder, replacing=True)
    return differs


def main() -> None:
    print("\n".join(share(FLOWS)) or "nothing new is common")


if __name__ == "__main__":
    main()
