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
    """`raw` has its line's end; `value` is its JSON, None where it has none; `scrubbed` is set by `replace_split`."""

    raw: str
    event: int
    prefix: str = ""
    value: Any = None
    scrubbed: Any = None


@dataclass
class _Leaf:
    """A text within a line's value."""

    line: int
    path: Path
    text: str


@dataclass
class Pieces:
    lines: list[Line]
    _texts: dict[Path, list[_Leaf]] = field(default_factory=dict)

    @classmethod
    def of_stream(cls, text: str) -> "Pieces":
        pieces = cls(list(_lines(text)))
        for number, line in enumerate(pieces.lines):
            for place, leaf in _leaves(line.value, (), (), number):
                pieces._texts.setdefault(place, []).append(leaf)
        return pieces

    def finds(self, redactor: Redactor) -> Iterator[str]:
        """Each find by its event, counted from 1: `event 12: key`, `event 3 to 5: key`."""
        for line in self.lines:
            texts = [line.raw] if line.value is None else [leaf.text for _, leaf in _leaves(line.value, (), (), 0)]
            yield from (f"event {line.event}: {span.kind}" for text in texts for span in redactor.spans(text))
        for leaves, span in self._split(redactor):
            first, last = self.lines[leaves[0].line].event, self.lines[leaves[-1].line].event
            yield f"event {first} to {last}: {span.kind}"

    def replace_split(self, redactor: Redactor) -> None:
        """Spreads the placeholders of what is split over several lines; all else stays."""
        for line in self.lines:
            line.scrubbed = line.value
        for leaves in self._texts.values():
            spans = _crossing(leaves, redactor)
            if spans:
                for leaf, text in zip(leaves, _spread(leaves, spans), strict=True):
                    line = self.lines[leaf.line]
                    line.scrubbed = _with(line.scrubbed, leaf.path, text)

    def _split(self, redactor: Redactor) -> Iterator[tuple[list[_Leaf], Span]]:
        for leaves in self._texts.values():
            borders = _borders(leaves)
            for span in _crossing(leaves, redactor):
                within = [leaf for leaf, (start, end) in zip(leaves, borders, strict=True) if _touch(span, start, end)]
                yield within, span


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


def _leaves(value: Any, place: Path, path: Path, line: int) -> Iterator[tuple[Path, _Leaf]]:
    match value:
        case str():
            yield place, _Leaf(line, path, value)
        case list():
            for number, one in enumerate(value):
                yield from _leaves(one, (*place, number), (*path, number), line)
        case dict():
            here = (*place, *(f"{key}={value[key]}" for key in _PLACES if key in value))
            for key, one in value.items():
                yield from _leaves(one, (*here, key), (*path, key), line)


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
