"""Recorded cases, and which of them answers a request.

A case answers if its request does not differ in anything that matters (`converters.request_fingerprint`). Where several
cases do, they take turns in the order of their names, so that a recorded session is replayed as one.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from addons.cases.case import Case, CaseError
from addons.redaction.detectors import Redactor
from addons.runtime.printable import printable
from converters import conversion
from converters.errors import RequestError
from converters.jsontext import Json
from converters.request_fingerprint import RequestFingerprint

logger = logging.getLogger(__name__)

_NEAREST_CASES = 3
_MOST_DIFFERENCES = 6

_COUNTERS = re.compile(r"(?<=user-)\d+|(?<=name-)\d+|(?<=<key-)\d+|(?<=<redacted-)\d+|(?<=7000-8000-)\d{12}")
"""The counters in redaction's placeholders: a live request has fewer values to count than a recorded case."""


@dataclass(eq=False)
class LibraryCase:
    """A case of the library: its path there, and how often it has answered."""

    name: str
    case: Case
    fingerprint: RequestFingerprint
    times_played: int = field(default=0)


class NoMatchingCase(RequestError):
    """No case answers a request; the text has the nearest ones and what differs."""


class CaseLibrary:
    """Cases by name, in the order in which they take turns."""

    def __init__(self, recorded: Iterable[LibraryCase]) -> None:
        self._recorded = {case.name: case for case in recorded}

    @classmethod
    def of(cls, folder: Path) -> Self:
        """All cases in a folder and below it.

        Raises:
            CaseError: there is none.
        """
        recorded = list(_read(folder))
        if not recorded:
            raise CaseError(f"{folder}: holds no case")
        return cls(recorded)

    def __iter__(self) -> Iterator[LibraryCase]:
        return iter(self._recorded.values())

    def named(self, name: str) -> Case | None:
        recorded = self._recorded.get(name)
        return recorded.case if recorded else None

    def find(self, raw: Json, *, compact: bool) -> LibraryCase:
        """The case that answers, whose turn this was.

        Raises:
            Miss: none does.
            RequestError: this is not a request.
        """
        requested = fingerprint(raw)
        candidates = [recorded for recorded in self if recorded.case.metadata.compact == compact]
        matching = [recorded for recorded in candidates if recorded.fingerprint == requested]
        if not matching:
            raise NoMatchingCase("\n".join(_miss_lines(requested, candidates, compact)))
        chosen = min(matching, key=lambda recorded: recorded.times_played)
        chosen.times_played += 1
        return chosen


def fingerprint(raw: Json) -> RequestFingerprint:
    """What matters of a request, redacted as recorded requests are.

    Raises:
        RequestError: it is not a request.
    """
    return RequestFingerprint.of(raw, _redacted)


def _redacted(text: str) -> str:
    return _COUNTERS.sub("N", Redactor().text(text))


def _read(folder: Path) -> Iterator[LibraryCase]:
    for metadata_file in sorted(folder.rglob("case.toml")):
        case_folder = metadata_file.parent
        name = case_folder.relative_to(folder).as_posix() if case_folder != folder else case_folder.name
        try:
            case = Case.load(case_folder)
            yield LibraryCase(name, case, fingerprint(conversion.load(case.client_request)))
        except (CaseError, RequestError) as error:
            # A case that cannot be read must not keep the others from answering.
            logger.warning("replay: %s is left out: %s", name, error)


def _miss_lines(requested: RequestFingerprint, cases: list[LibraryCase], compact: bool) -> Iterator[str]:
    nearest = "; the nearest:" if cases else ", there is none; --set replay=FOLDER names where they are"
    yield f"no recorded case answers this {'compaction' if compact else 'request'}{nearest}"
    by_likeness = sorted(cases, key=lambda recorded: requested.likeness(recorded.fingerprint), reverse=True)
    for recorded in by_likeness[:_NEAREST_CASES]:
        differences = recorded.fingerprint.differences(requested)
        yield f"  {recorded.name}"
        yield from (f"    {printable(line)}" for line in differences[:_MOST_DIFFERENCES])
        if (more := len(differences) - _MOST_DIFFERENCES) > 0:
            yield f"    ... and {more} more"
