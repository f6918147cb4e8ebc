"""The text that a stream brings in pieces, found without knowing its protocol: what stands at one place of several
messages is one text, as `choices[0].delta.content` or `delta.partial_json` of the block with `index` 1.
"""

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from addons.redaction.detectors import PLACEHOLDER, Redactor, Span
from converters import jsontext

type Path = tuple[str | int, ...]

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_DATA = re.compile(r"data: ?")

_PLACES = ("index", "output_index", "content_index", "summary_index")
"""Keys that say which of several things a message belongs to."""


@dataclass
class Line:
    """`raw` has its line's end; `value` is its JSON, None where it has none.

    `words` are the texts in it that are no values: the names of fields, or the line itself if it is no JSON.
    """

    raw: str
    event: int
    prefix: str = ""
    value: Any = None
    words: set[str] = field(default_factory=set)


@dataclass
class _Leaf:
    """A text within a line's value."""

    line: int
    path: Path
    text: str


@dataclass
class Pieces:
    """A stream's lines, and the texts that they bring in pieces."""

    lines: list[Line]
    _texts: dict[Path, list[_Leaf]] = field(default_factory=dict)

    @classmethod
    def of_stream(cls, text: str) -> "Pieces":
        pieces = cls(list(_lines(text)))
        for number, line in enumerate(pieces.lines):
            if line.value is None:
                line.words.add(line.raw)
            for place, leaf in _leaves(line.value, (), (), number, line.words):
                pieces._texts.setdefault(place, []).append(leaf)
        return pieces

    def affected(self, redactor: Redactor) -> set[str]:
        """All texts in which there is a find of their own."""
        values = (leaf.text for leaves in self._texts.values() for leaf in leaves)
        return redactor.affected([*values, *(word for line in self.lines for word in line.words)])

    def edits(self, redactor: Redactor, affected: set[str]) -> dict[int, dict[Path, str]]:
        """Line number -> place in its value -> what is to stand there, for each text that a find has a part of."""
        edited: dict[int, dict[Path, str]] = {}
        for leaves in self._texts.values():
            if spans := _finds(leaves, redactor, affected):
                for leaf, text in zip(leaves, _spread(leaves, spans, redactor), strict=True):
                    if text != leaf.text:
                        edited.setdefault(leaf.line, {})[leaf.path] = text
        return edited

    def finds(self, redactor: Redactor) -> Iterator[str]:
        """Each find by its event, counted from 1: `event 12: key`, `event 3 to 5: key`."""
        affected = self.affected(redactor)
        for line in self.lines:
            words = line.words & affected
            yield from (f"event {line.event}: {span.kind}" for word in words for span in redactor.spans(word))
        for leaves in self._texts.values():
            for span in _finds(leaves, redactor, affected):
                inside = zip(leaves, _borders(leaves), strict=True)
                events = [self.lines[leaf.line].event for leaf, (start, end) in inside if _touch(span, start, end)]
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
        yield Line(raw, event, prefix[0], _json(raw[prefix.end() :])) if prefix else Line(raw, event)


def _json(text: str) -> Any:
    try:
        return jsontext.loads(text)
    except (ValueError, UnicodeEncodeError):
        return None


def _leaves(value: Any, place: Path, path: Path, line: int, words: set[str]) -> Iterator[tuple[Path, _Leaf]]:
    """All texts with their places; `words` gets the names of fields."""
    match value:
        case str():
            yield place, _Leaf(line, path, value)
        case list():
            for number, one in enumerate(value):
                yield from _leaves(one, (*place, number), (*path, number), line, words)
        case dict():
            words.update(value)
            here = (*place, *(f"{key}={value[key]}" for key in _PLACES if key in value))
            for key, one in value.items():
                yield from _leaves(one, (*here, key), (*path, key), line, words)


def _borders(leaves: list[_Leaf]) -> list[tuple[int, int]]:
    ends, at = [], 0
    for leaf in leaves:
        ends.append((at, at + len(leaf.text)))
        at += len(leaf.text)
    return ends


def _touch(span: Span, start: int, end: int) -> bool:
    return span.start < end and start < span.end


def _finds(leaves: list[_Leaf], redactor: Redactor, affected: set[str]) -> list[Span]:
    """The finds in the pieces' joined text, in its coordinates: those that are split, and those of single pieces.

    A share of a placeholder may look like a find (`/home/us`), and is none.
    """
    borders = _borders(leaves)
    # What is the same in each message is no text that comes in pieces.
    joined = "".join(leaf.text for leaf in leaves) if len({leaf.text for leaf in leaves}) > 1 else ""
    ends = [end for _, end in borders]
    spans = [span for span in redactor.spans(joined) if _crosses(span, ends)]
    taken = [span[:2] for span in spans] + [one.span() for one in PLACEHOLDER.finditer(joined)]
    for leaf, (start, _) in zip(leaves, borders, strict=True):
        for span in redactor.spans(leaf.text) if leaf.text in affected else ():
            moved = span._replace(start=span.start + start, end=span.end + start)
            if not any(_touch(moved, *one) for one in taken):
                spans.append(moved)
    return sorted(spans)


def _crosses(span: Span, ends: list[int]) -> bool:
    after = bisect.bisect_right(ends, span.start)
    return after < len(ends) and ends[after] < span.end


def _spread(leaves: list[_Leaf], spans: list[Span], redactor: Redactor) -> Iterator[str]:
    """The pieces' new texts: each gets its share of a placeholder, as it had its share of what was found."""
    for leaf, (start, end) in zip(leaves, _borders(leaves), strict=True):
        parts, at = [], start
        for span in spans:
            if _touch(span, start, end):
                parts.append(leaf.text[at - start : max(span.start, start) - start])
                parts.append(_share(redactor.instead(span), span, max(span.start, start), min(span.end, end)))
                at = min(span.end, end)
        yield "".join([*parts, leaf.text[at - start :]])


def _share(placeholder: str, span: Span, start: int, end: int) -> str:
    length = span.end - span.start
    first, last = (len(placeholder) * (at - span.start) // length for at in (start, end))
    return placeholder[first:last]
