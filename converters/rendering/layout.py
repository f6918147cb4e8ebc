"""How a text is laid out for a person: 80 columns, long things in short with their length, sizes in words.

Only what is shown is worked on: a text is cut down first and wrapped then.
"""

import textwrap
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from converters import jsontext

WIDTH = 80
INDENT = "  "


class Limit(NamedTuple):
    """How much of a text is shown: two thirds from its beginning, one third from its end."""

    characters: int
    lines: int


WHOLE = Limit(20_000, 1000)
LONG = Limit(6000, 200)
SHORT = Limit(1500, 24)
GLANCE = Limit(300, 4)


def shortened(text: str, limit: Limit) -> str:
    if len(text) <= limit.characters and text.count("\n") < limit.lines:
        return text
    head = "\n".join(text[: limit.characters * 2 // 3].split("\n")[: limit.lines * 2 // 3])
    tail = "\n".join(text[-(limit.characters // 3) :].split("\n")[-(limit.lines // 3) :])
    return f"{head}\n[... {len(text) - len(head) - len(tail):,} characters ...]\n{tail}"


def glance(text: str, characters: int) -> str:
    """The beginning of a text, in one line."""
    line = " ".join(text[: characters * 2].split())
    return line if len(line) <= characters and len(text) <= characters * 2 else f"{line[: characters - 4]} ..."


def block(text: str, limit: Limit, indent: str = INDENT) -> Iterator[str]:
    """The lines of a text, wrapped, below a title."""
    for line in shortened(text.strip("\r\n"), limit).translate(_VISIBLE).split("\n"):
        yield from (f"{indent}{part}".rstrip() for part in _wrapped(line, WIDTH - len(indent)))


def listed(words: Iterable[str], separator: str, indent: str = INDENT) -> Iterator[str]:
    """Words as lines, never broken within a word of fewer than 80 characters."""
    line = ""
    for word in words:
        if line and len(indent) + len(line) + len(separator) + len(word) + len(separator.rstrip()) > WIDTH:
            yield f"{indent}{line}{separator}".rstrip()
            line = ""
        line = f"{line}{separator}{word}" if line else word
    if line:
        yield f"{indent}{line}"


# Controls of a terminal are shown, not obeyed; tabs and line ends are kept as what they look like.
_VISIBLE: dict[int, str | None] = {code: "·" for code in (*range(32), 127, *range(0x80, 0xA0))}
_VISIBLE |= {ord("\n"): "\n", ord("\t"): "    ", ord("\r"): None}


def _wrapped(line: str, width: int) -> list[str]:
    if not line.isascii() and any(unicodedata.east_asian_width(character) in "WF" for character in line):
        width //= 2  # each of these fills two columns
    if len(line) <= width:
        return [line]
    margin = line[: len(line) - len(line.lstrip())][: width // 2]
    return textwrap.wrap(line, width, subsequent_indent=margin, replace_whitespace=False, break_on_hyphens=False)


def title(*words: str) -> str:
    return " · ".join(word for word in words if word)


def characters(text: str) -> str:
    """A text's length, where it is worth a word."""
    return f"{len(text):,} characters" if len(text) >= 200 else ""


def size(count: int) -> str:
    """A number of bytes: 870 B, 12 kB, 3.4 MB."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def compact(value: Any) -> str:
    """A value as JSON in one line; its repr where it is nested too deep for JSON."""
    try:
        return value if isinstance(value, str) else jsontext.dumps(value).decode()
    except (ValueError, TypeError, RecursionError):
        return f"[{type(value).__name__} that cannot be shown]"
