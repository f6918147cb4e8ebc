"""The shape of a response: what kinds of things came in which order and under which keys, without the words.

Knows no protocol: a response is JSON, or a stream of JSON records.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import unified_diff
from itertools import groupby
from typing import Any, Self

from converters import jsontext, sse

_VOCABULARY = {"type", "object", "role", "status", "finish_reason", "stop_reason", "code", "native_finish_reason"}
"""Keys whose values are words of the protocol, not of the model."""

_NAMES = {"type", "object", "role"}
"""Of these, the ones that stand beside something and mean nothing alone."""

_KINDS: dict[type, str] = {str: "string", bool: "boolean", int: "number", float: "number"}


@dataclass(frozen=True)
class ResponseShape:
    """`order`: the records' kinds, repeats folded. `paths`: `usage.input: number`, `stop_reason = "end_turn"`."""

    order: tuple[str, ...]
    paths: frozenset[str]

    @classmethod
    def of(cls, body: bytes) -> Self:
        """The shape of a stream or of one JSON text. What is neither has none."""
        records = list(_records(body))
        kinds = (kind for kind, _ in groupby(_kinds(records)))
        return cls(tuple(kinds), frozenset(path for record in records for path in _paths(record)))

    def differences(self, now: Self) -> list[str]:
        """What another response has (`+`) and what it lacks (`-`), a line each."""
        order = list(unified_diff(self.order, now.order, n=1, lineterm=""))[2:]
        gone, new = sorted(self.paths - now.paths), sorted(now.paths - self.paths)
        return [*order, *(f"-{path}" for path in gone), *(f"+{path}" for path in new)]


def _records(body: bytes) -> Iterator[Any]:
    if body.lstrip()[:1] in (b"{", b"["):
        texts: Iterable[bytes] = [body]
    else:
        parser = sse.Parser()
        texts = [message.data for message in parser.feed(body) + parser.close()]
    for text in texts:
        try:
            yield jsontext.loads(text)
        except ValueError:
            yield text.decode("utf-8", "replace")[:20]  # such as [DONE]


def _kinds(records: list[Any]) -> Iterator[str]:
    """Each record's own word for it, or else the keys that hold something."""
    envelope = _envelope(records)
    for record in records:
        if not isinstance(record, dict):
            yield str(record)
        elif isinstance(record.get("type"), str):
            yield record["type"]
        else:
            yield ", ".join(sorted({key for key, _ in _telling(record)} - envelope)) or "nothing"


def _envelope(records: list[Any]) -> set[str]:
    """Keys that repeat one value, as ids do."""
    values: dict[str, list[Any]] = {}
    for record in records:
        for key, value in _telling(record):
            values.setdefault(key, []).append(value)
    return {key for key, found in values.items() if len(found) > 1 and all(element == found[0] for element in found)}


def _telling(record: Any) -> Iterator[tuple[str, Any]]:
    """Where a record holds something: `content` for a text however deep, `usage` for the numbers below it."""
    for path, value in _leaves(record, ""):
        key = path.rpartition(".")[2] if isinstance(value, str) else path.partition(".")[0]
        if value and key not in _NAMES and "[]" not in key:
            yield key, value


def _paths(record: Any) -> Iterator[str]:
    """null means nothing: a field that may be null is there or is not, as it pleases."""
    for path, value in _leaves(record, ""):
        if path == "type":
            continue  # it stands in the order
        if isinstance(value, str) and path.rpartition(".")[2] in _VOCABULARY:
            yield f'{path} = "{value}"'
        elif value is not None and path:
            yield f"{path}: {_KINDS[type(value)]}"


def _leaves(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    match value:
        case dict():
            for key, element in value.items():
                yield from _leaves(element, f"{where}.{key}" if where else key)
        case list():
            for element in value:
                yield from _leaves(element, f"{where}[]")
        case _:
            yield where, value
