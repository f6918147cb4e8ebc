"""Prints recorded cases for a person. `scripts/show` starts it."""

import argparse
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from addons.cases.case import Case, CaseError, Text
from addons.inspection.content_view import WIDTH, dialect_lines, timing_lines
from converters.errors import RequestError
from converters.rendering.readable import readable

PARTS = ("client_request", "upstream_request", "upstream_response", "client_response")
_TYPES = {"sse": "text/event-stream", "json": "application/json", "txt": "text/plain"}


def cases(folder: Path) -> list[Path]:
    """The folder itself, or the cases in it."""
    return sorted(path.parent for path in folder.rglob("case.toml")) or [folder]


def shown(name: str, case: Case, only: str) -> Iterator[str]:
    yield from _head(name, case)
    bodies = {
        "client_request": Text("json", case.client_request),
        "upstream_request": Text("json", case.upstream_request),
        "upstream_response": case.upstream_response,
        "client_response": case.client_response,
    }
    for part, body in bodies.items():
        if only in ("", part):
            yield from ("", f"--- {part} {_status(part, case)}".rstrip())
            yield from _about(part, case)
            yield from _body(body)


def _head(name: str, case: Case) -> Iterator[str]:
    metadata = case.metadata
    yield from textwrap.wrap(f"=== {name}: {metadata.pins}", WIDTH)
    yield f"{metadata.model} -> {metadata.route.provider} {metadata.route.model} ({metadata.route.protocol})"
    yield f"recorded {metadata.recorded} of {f'Codex {metadata.codex}' if metadata.codex else 'another client'}"
    if metadata.wrong:
        yield "wrong: the case fails until the converter is corrected"


def _status(part: str, case: Case) -> str:
    statuses = {"upstream_response": case.metadata.status, "client_response": case.metadata.told.status}
    return str(statuses.get(part) or "")


def _about(part: str, case: Case) -> Iterator[str]:
    metadata = case.metadata
    if part == "upstream_request":
        yield from dialect_lines(metadata.route.dialect)
        yield from _losses(case)
    if part == "upstream_response":
        yield from timing_lines(list(metadata.times))
        if metadata.fault:
            yield f"{metadata.fault.kind}: {metadata.fault.message}"


def _losses(case: Case) -> Iterator[str]:
    try:
        losses = case.conversion().losses
    except RequestError as error:
        yield f"refused today: {error}"
    else:
        yield from textwrap.wrap(f"lost {'; '.join(map(str, losses))}" if losses else "", WIDTH)


def _body(body: Text | None) -> Iterator[str]:
    if body is None:
        yield "nobody answered"
        return
    text = readable(body.data, _TYPES[body.form])
    yield (body.data.decode("utf-8", "replace") if text is None else text).rstrip("\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/show", description=__doc__)
    parser.add_argument("cases", nargs="+", type=Path, metavar="CASE", help="a folder such as flows/chat/plain-answer")
    parser.add_argument("--only", choices=PARTS, default="", help="one part of it")
    chosen = parser.parse_args()
    problems = 0
    for folder in (folder for path in chosen.cases for folder in cases(path)):
        try:
            print("\n".join([*shown("/".join(folder.resolve().parts[-2:]), Case.load(folder), chosen.only), ""]))
        except CaseError as error:
            print(error, file=sys.stderr)
            problems += 1
    return 2 if problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # `scripts/show flows | head`
        sys.stderr.close()
