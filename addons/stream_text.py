"""The text that a stream brings in pieces, found without knowing its protocol: what stands at one place of several
messages is one text, as `choices[0].delta.content` or `delta.partial_json` of the block with `index` 1.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from addons.redaction import Redactor, Span
from converters import jsontext

type Path = tuple[str | int, ...]

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_DATA = re.compile(r"data: ?")

_PLACES = ("index", "output_index", "content_index", "summary_index")
"""Keys that say which of several things a message belongs to."""


@dataclass
class Line:
    """`raw` has its line's end; `value` is its JSON, None where it has none; `words` are all texts in it."""

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

    def affected(self, redactor: Redactor) -> list[Line]:
        """The lines with a find in one of their own texts."""
        words = redactor.affected(word for line in self.lines for word in line.words)
        return [line for line in self.lines if words & line.words] if words else []

    def finds(self, redactor: Redactor) -> Iterator[str]:
        """Each find by its event, counted from 1: `event 12: key`, `event 3 to 5: key`."""
        for line in self.affected(redactor):
            yield from (f"event {line.event}: {span.kind}" for word in line.words for span in redactor.spans(word))
        for leaves in self._texts.values():
            for span in _crossing(leaves, redactor):
                inside = zip(leaves, _borders(leaves), strict=True)
                events = [self.lines[leaf.line].event for leaf, (start, end) in inside if _touch(span, start, end)]
                yield f"event {events[0]} to {events[-1]}: {span.kind}"

    def without_split(self, redactor: Redactor) -> dict[int, Any]:
        """Line number -> value, where a find is split over several lines: its placeholder is spread over the same."""
        edited: dict[int, Any] = {}
        for leaves in self._texts.values():
            if spans := _crossing(leaves, redactor):
                for leaf, text in zip(leaves, _spread(leaves, spans), strict=True):
                    if text != leaf.text:
                        value = edited.get(leaf.line, self.lines[leaf.line].value)
                        edited[leaf.line] = _with(value, leaf.path, text)
        return edited


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
    """All texts with their places; `words` gets them too, and the keys."""
    match value:
        case str():
            words.add(value)
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


def _crossing(leaves: list[_Leaf], redactor: Redactor) -> list[Span]:
    """The finds in the joined text that no single piece holds. What is the same in each message is no text."""
    if len({leaf.text for leaf in leaves}) < 2:
        return []
    borders = {end for _, end in _borders(leaves)}
    spans = redactor.spans("".join(leaf.text for leaf in leaves))
    return [span for span in spans if any(span.start < border < span.end for border in borders)]


def _spread(leaves: list[_Leaf], spans: list[Span]) -> Iterator[str]:
    """The pieces' new texts: each gets its share of a placeholder, as it had its share of what was found."""
    for leaf, (start, end) in zip(leaves, _borders(leaves), strict=True):
        parts, at = [], start
        for span in spans:
            if _touch(span, start, end):
                parts.append(leaf.text[at - start : max(span.start, start) - start])
                parts.append(_share(span, max(span.start, start), min(span.end, end)))
                at = min(span.end, end)
        yield "".join([*parts, leaf.text[at - start :]])


def _share(span: Span, start: int, end: int) -> str:
    length = span.end - span.start
    first, last = (len(span.instead) * (at - span.start) // length for at in (start, end))
    return span.instead[first:last]


def _with(value: Any, path: Path, text: str) -> Any:
    """The value with another text at one place; what is beside the path is shared."""
    if not path:
        return text
    key, *rest = path
    if isinstance(value, list):
        return [_with(one, tuple(rest), text) if at == key else one for at, one in enumerate(value)]
    return {at: _with(one, tuple(rest), text) if at == key else one for at, one in value.items()}
