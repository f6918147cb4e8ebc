"""Texts that a stream spreads over several messages, found without knowing its protocol.

What stands at the same place of several messages is one text: `choices[0].delta.content`, or `delta.partial_json` of
the block with `index` 1.
"""

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any, Self

from addons.redaction.detectors import PLACEHOLDER, Redactor, Span
from converters import jsontext

type JsonPath = tuple[str | int, ...]

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_DATA = re.compile(r"data: ?")

_INDEXES = ("index", "output_index", "content_index", "summary_index")
"""Keys that tell which item, part or block a message belongs to."""


@dataclass
class Line:
    """`raw` includes its line end; `value` is its JSON, None where it has none.

    `words` are the texts in it that are not JSON values: the names of fields, or the line itself where it is no JSON.
    """

    raw: str
    event: int
    prefix: str = ""
    value: Any = None
    words: set[str] = field(default_factory=set)


@dataclass
class _Leaf:
    """A string within a line's JSON."""

    line: int
    path: JsonPath
    text: str


@dataclass
class StreamTexts:
    """A stream's lines, and the texts that are spread over them."""

    lines: list[Line]
    _texts: dict[JsonPath, list[_Leaf]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Self:
        pieces = cls(list(_lines(text)))
        for number, line in enumerate(pieces.lines):
            if line.value is None:
                line.words.add(line.raw)
            for place, leaf in _leaves(line.value, (), (), number, line.words):
                pieces._texts.setdefault(place, []).append(leaf)
        return pieces

    def affected(self, redactor: Redactor) -> set[str]:
        """All strings that have a match by themselves."""
        values = (leaf.text for leaves in self._texts.values() for leaf in leaves)
        return redactor.affected([*values, *(word for line in self.lines for word in line.words)])

    def edits(self, redactor: Redactor, affected: set[str]) -> dict[int, dict[JsonPath, str]]:
        """Line number -> path in its JSON -> new string, for each string that a match touches."""
        edited: dict[int, dict[JsonPath, str]] = {}
        for leaves in self._texts.values():
            if spans := _spans(leaves, redactor, affected):
                for leaf, text in zip(leaves, _redacted_strings(leaves, spans, redactor), strict=True):
                    if text != leaf.text:
                        edited.setdefault(leaf.line, {})[leaf.path] = text
        return edited

    def matches(self, redactor: Redactor) -> Iterator[str]:
        """Each match by its event, counted from 1: `event 12: key`, `event 3 to 5: key`."""
        affected = self.affected(redactor)
        for line in self.lines:
            words = line.words & affected
            yield from (f"event {line.event}: {span.kind}" for word in words for span in redactor.spans(word))
        for leaves in self._texts.values():
            for span in _spans(leaves, redactor, affected):
                placed = zip(leaves, _ranges(leaves), strict=True)
                events = [self.lines[leaf.line].event for leaf, (start, end) in placed if _overlaps(span, start, end)]
                where = f"{events[0]} to {events[-1]}" if len(events) > 1 else f"{events[0]}"
                yield f"event {where}: {span.kind}"


def _lines(text: str) -> Iterator[Line]:
    event, blank = 1, True
    for found in _LINE.finditer(text):
        raw = found[0]
        if not raw:
            continue
        is_blank = not raw.strip("\r\n")
        event += is_blank and not blank
        blank = is_blank
        prefix = _DATA.match(raw)
        yield Line(raw, event, prefix[0], json_or_none(raw[prefix.end() :])) if prefix else Line(raw, event)


def json_or_none(text: str) -> Any:
    """None where the text is not JSON."""
    try:
        return jsontext.loads(text)
    except (ValueError, UnicodeEncodeError):
        return None


def _leaves(
    value: Any, place: JsonPath, path: JsonPath, line: int, words: set[str]
) -> Iterator[tuple[JsonPath, _Leaf]]:
    """All strings with their places, which are paths with the values of `_INDEXES`; adds field names to `words`."""
    match value:
        case str():
            yield place, _Leaf(line, path, value)
        case list():
            for number, item in enumerate(value):
                yield from _leaves(item, (*place, number), (*path, number), line, words)
        case dict():
            words.update(value)
            here = (*place, *(f"{key}={value[key]}" for key in _INDEXES if key in value))
            for key, item in value.items():
                yield from _leaves(item, (*here, key), (*path, key), line, words)


def _ranges(leaves: list[_Leaf]) -> list[tuple[int, int]]:
    """Where each string starts and ends in the joined text."""
    ends = list(accumulate(len(leaf.text) for leaf in leaves))
    return list(pairwise([0, *ends]))


def _overlaps(span: Span, start: int, end: int) -> bool:
    return span.start < end and start < span.end


def _spans(leaves: list[_Leaf], redactor: Redactor, affected: set[str]) -> list[Span]:
    """The matches by their offsets in the joined text: those that are split, and those within one string.

    A part of a placeholder may look like a match (`/home/us`), and is none.
    """
    ranges = _ranges(leaves)
    # What is the same in each message is repeated, not spread.
    joined = "".join(leaf.text for leaf in leaves) if len({leaf.text for leaf in leaves}) > 1 else ""
    ends = [end for _, end in ranges]
    spans = [span for span in redactor.spans(joined) if _is_split(span, ends)]
    taken = [span[:2] for span in spans] + [match.span() for match in PLACEHOLDER.finditer(joined)]
    for leaf, (start, _) in zip(leaves, ranges, strict=True):
        for span in redactor.spans(leaf.text) if leaf.text in affected else ():
            moved = span._replace(start=span.start + start, end=span.end + start)
            if not any(_overlaps(moved, *other) for other in taken):
                spans.append(moved)
    return sorted(spans)


def _is_split(span: Span, ends: list[int]) -> bool:
    after = bisect.bisect_right(ends, span.start)
    return after < len(ends) and ends[after] < span.end


def _redacted_strings(leaves: list[_Leaf], spans: list[Span], redactor: Redactor) -> Iterator[str]:
    """The new strings: each gets that part of a placeholder which corresponds to its part of the match."""
    for leaf, (start, end) in zip(leaves, _ranges(leaves), strict=True):
        parts, at = [], start
        for span in spans:
            if _overlaps(span, start, end):
                parts.append(leaf.text[at - start : max(span.start, start) - start])
                parts.append(
                    _placeholder_part(redactor.placeholder_for(span), span, max(span.start, start), min(span.end, end))
                )
                at = min(span.end, end)
        yield "".join([*parts, leaf.text[at - start :]])


def _placeholder_part(placeholder: str, span: Span, start: int, end: int) -> str:
    """The part of the placeholder that replaces the match between two offsets of the joined text."""
    length = span.end - span.start
    first, last = (len(placeholder) * (at - span.start) // length for at in (start, end))
    return placeholder[first:last]
