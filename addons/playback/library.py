"""Recorded cases, and which of them answers a question.

A case answers if nothing that matters differs (`converters.request_fingerprint`). Where several do, they take turns in
the order of their names, so that what was recorded as a session is played as one.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from addons.case import Case, CaseError
from addons.redaction.detectors import Redactor
from addons.runtime.printable import printable
from converters import exchange
from converters.errors import RequestError
from converters.jsontext import Json
from converters.request_fingerprint import RequestFingerprint

logger = logging.getLogger(__name__)

_NEAREST = 3
_MOST_DIFFERENCES = 6

_NUMBERED = re.compile(r"(?<=user-)\d+|(?<=name-)\d+|(?<=<key-)\d+|(?<=<redacted-)\d+|(?<=7000-8000-)\d{12}")
"""The counters in redaction's placeholders: a live request has fewer things to count than a recorded one."""


@dataclass(eq=False)
class Recorded:
    """A case on the shelf: its name there, and how often it has answered."""

    name: str
    case: Case
    fingerprint: RequestFingerprint
    played: int = field(default=0)


class Miss(RequestError):
    """No case answers a question; the text has the nearest ones and what differs."""


class Repertoire:
    """Cases in the order in which they take turns."""

    def __init__(self, recorded: Iterable[Recorded]) -> None:
        self._recorded = {one.name: one for one in recorded}

    @classmethod
    def of(cls, folder: Path) -> Self:
        """All cases in a folder, and in those below it.

        Raises:
            CaseError: there is none.
        """
        found = list(_read(folder))
        if not found:
            raise CaseError(f"{folder}: holds no case")
        return cls(found)

    def __iter__(self) -> Iterator[Recorded]:
        return iter(self._recorded.values())

    def named(self, name: str) -> Case | None:
        recorded = self._recorded.get(name)
        return recorded.case if recorded else None

    def find(self, raw: Json, *, compact: bool) -> Recorded:
        """The case that answers, which is its turn then.

        Raises:
            Miss: none does.
            RequestError: this is no question.
        """
        asked = fingerprint(raw)
        rivals = [one for one in self if one.case.notes.compact == compact]
        fitting = [one for one in rivals if one.fingerprint == asked]
        if not fitting:
            raise Miss("\n".join(_explained(asked, rivals, compact)))
        chosen = min(fitting, key=lambda one: one.played)
        chosen.played += 1
        return chosen


def fingerprint(raw: Json) -> RequestFingerprint:
    """What matters of a request, with what is private in it replaced as in recorded ones.

    Raises:
        RequestError: it is no request.
    """
    return RequestFingerprint.of(raw, _redacted)


def _redacted(text: str) -> str:
    return _NUMBERED.sub("N", Redactor().text(text))


def _read(folder: Path) -> Iterator[Recorded]:
    for notes in sorted(folder.rglob("case.toml")):
        where = notes.parent
        name = where.relative_to(folder).as_posix() if where != folder else where.name
        try:
            case = Case.load(where)
            yield Recorded(name, case, fingerprint(exchange.load(case.client_request)))
        except (CaseError, RequestError) as error:
            # One that cannot be read must not keep all others from answering.
            logger.warning("replay: %s is left out: %s", name, error)


def _explained(asked: RequestFingerprint, cases: list[Recorded], compact: bool) -> Iterator[str]:
    nearest = "; the nearest:" if cases else ", there is none; --set replay=FOLDER names where they are"
    yield f"no recorded case answers this {'compaction' if compact else 'question'}{nearest}"
    for one in sorted(cases, key=lambda one: asked.likeness(one.fingerprint), reverse=True)[:_NEAREST]:
        differences = one.fingerprint.differences(asked)
        yield f"  {one.name}"
        yield from (f"    {printable(line)}" for line in differences[:_MOST_DIFFERENCES])
        if (more := len(differences) - _MOST_DIFFERENCES) > 0:
            yield f"    ... and {more} more"
