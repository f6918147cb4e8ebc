"""What many cases contain, as Codex's instructions and tools, stands once in `shared/` and is named where it stood:

    "tools": "<shared codex-0.169.0/chat/12-tools.json>"                        a JSON value, `shared/NAME.json`
    "content": "<shared codex-0.169.0/you-are-codex.md>\\n\\n<environment..."   a piece of a text, `shared/NAME.md`

So a folded file is still JSON, or a stream of it. `unfold` gives back what was folded to the byte: all is done on
bytes, and what looked like a reference before is written `<shared! ...`. A shared value may have references itself.

Cases look for `shared/` beside their protocol's folder. Where there is none, as in a user's own folder of cases,
nothing is folded: a case holds all of itself.
"""

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import orjson

from converters import jsontext

_NAME = rb"codex-[\w.-]*(?:/\w[\w.-]*)+"  # no way out of the folder: no part begins with a dot
_REFERENCE = re.compile(rb'"<shared (?P<json>%s\.json)>"|<shared (?P<text>%s\.md)>' % (_NAME, _NAME))
_LOOKALIKE = re.compile(rb"<shared(!*) ")
_ESCAPED = re.compile(rb"<shared!(!*) ")

_MAX_INDENT = 20
"""Spaces before a line: a value that is nested deeper is not folded in JSON that is pretty-printed."""

_NUMBERS = ("", *(f"-{number}" for number in range(2, 1000)))


class SharedTextError(ValueError):
    """A reference to what the shared folder does not have, or cannot be read; the text names it."""


@dataclass(frozen=True)
class _Value:
    """Escaped, as it stands within a file: JSON over several lines or in one; a text without its quotes."""

    reference: bytes
    compact: bytes
    pretty: bytes

    @classmethod
    def of_json(cls, name: str, value: object) -> Self:
        pretty = orjson.dumps(value, option=orjson.OPT_INDENT_2)
        return cls(b'"<shared %s>"' % name.encode(), _escape(jsontext.dumps(value)), _escape(pretty))

    @classmethod
    def of_text(cls, name: str, text: str) -> Self:
        inner = _escape(jsontext.dumps(text)[1:-1])
        return cls(b"<shared %s>" % name.encode(), inner, inner)

    def indented(self, spaces: int) -> bytes:
        """Pretty-printed, as it stands in a line that begins with so many spaces."""
        return self.pretty.replace(b"\n", b"\n" + b" " * spaces)

    def fold(self, data: bytes, *, pretty: bool) -> bytes:
        if not pretty:
            return data.replace(self.compact, self.reference)
        if max(self.pretty.splitlines(), key=len).strip() in data:  # one search instead of eleven
            for spaces in range(0, _MAX_INDENT + 1, 2):
                data = data.replace(self.indented(spaces), self.reference)
        return data


class SharedTexts:
    """Those of one folder, each read once: what is added or removed is so by this object's methods."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._values: dict[str, _Value] = {}
        files = [path for path in folder.glob("codex-*/**/*") if path.suffix in (".json", ".md")]
        self.names = sorted(path.relative_to(folder).as_posix() for path in files)

    def fold(self, data: bytes, *, pretty: bool) -> bytes:
        """References instead of all that is shared. `pretty`: the file's JSON is pretty-printed, else compact."""
        folded = escaped = _escape(data)
        for value in sorted(map(self._value, self.names), key=lambda value: -len(value.compact)):
            folded = value.fold(folded, pretty=pretty)
        # A value within another one's reference, or at an odd place: such a file stays whole.
        return folded if self.unfold(folded, pretty=pretty) == data else escaped

    def unfold(self, data: bytes, *, pretty: bool) -> bytes:
        """What was folded.

        Raises:
            SharedTextError: it refers to what cannot be read.
        """
        if b"<shared" not in data:
            return data

        def shared_value(reference: re.Match[bytes]) -> bytes:
            value = self._value((reference["json"] or reference["text"]).decode())
            return value.indented(_indentation(data, reference.start())) if pretty else value.compact

        return _ESCAPED.sub(rb"<shared\1 ", _REFERENCE.sub(shared_value, data))

    def add(self, name: str, value: object) -> str | None:
        """The file of that name, numbered if there is one already; None if it was shared before.

        `name` begins with `codex-` and has no suffix. `value` is a text or JSON, and is not empty.
        """
        made = _Value.of_text("", value) if isinstance(value, str) else _Value.of_json("", value)
        if made.compact in (self._value(known).compact for known in self.names):
            return None
        suffix, data = (".md", f"{value}\n".encode()) if isinstance(value, str) else (".json", made.pretty + b"\n")
        free = next(f"{name}{n}{suffix}" for n in _NUMBERS if f"{name}{n}{suffix}" not in self.names)
        path = self._folder / free
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if suffix == ".md" else self.fold(data, pretty=True))
        self.names = sorted([*self.names, free])
        return free

    def remove(self, name: str) -> None:
        (self._folder / name).unlink()
        self.names.remove(name)

    def referred_to(self, data: bytes) -> set[str]:
        """The names in a folded file, and in what these stand for."""
        found = {(reference["json"] or reference["text"]).decode() for reference in _REFERENCE.finditer(data)}
        return found.union(*(self.referred_to((self._folder / name).read_bytes()) for name in found))

    def _value(self, name: str) -> _Value:
        if name not in self._values:
            try:
                self._values[name] = self._read(name)
            except SharedTextError:
                raise
            except (OSError, ValueError, RecursionError) as error:
                raise SharedTextError(f"<shared {name}> cannot be read in {self._folder}: {error}") from error
        return self._values[name]

    def _read(self, name: str) -> _Value:
        data = (self._folder / name).read_bytes()
        if name.endswith(".json"):
            return _Value.of_json(name, jsontext.loads(self.unfold(data, pretty=True)))
        return _Value.of_text(name, data.decode().removesuffix("\n"))


def beside(case: Path) -> SharedTexts:
    """Those for the case in this folder, `<...>/<protocol>/<behaviour>`."""
    return of(case.parent.parent / "shared")


def of(folder: Path) -> SharedTexts:
    """Those in this folder; for everybody in this process the same."""
    return _of(folder.absolute())


@functools.cache
def _of(folder: Path) -> SharedTexts:
    return SharedTexts(folder)


def _escape(data: bytes) -> bytes:
    return _LOOKALIKE.sub(rb"<shared!\1 ", data)


def _indentation(data: bytes, at: int) -> int:
    line = data[data.rfind(b"\n", 0, at) + 1 : at]
    return len(line) - len(line.lstrip(b" "))
