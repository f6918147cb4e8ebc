"""Texts of JSON with something wrong at one place: what the fuzz tests and `scripts/fuzz` feed.

A place is chosen by its shape (`input[].content[].text`), so that a thousand alike do not hide the one of its kind.
Texts within texts, such as a call's arguments and our seals, have places too.
"""

import base64
import copy
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from converters import seal

type Path = tuple[str | int, ...]

_JSON, _SEAL = "\0json", "\0seal"
"""Steps of a path into the JSON that a text holds."""

_LONG = b'"' + b"x" * 70_000 + b'"'
_KINDS = b"message reasoning function_call function_call_output compaction additional_tools namespace input_image text"

VALUES: tuple[bytes, ...] = (
    *(b"null", b"true", b"false", b"0", b"-1", b"7", b"1.5", b"-0.0", b"1e40", b"1e400", b"NaN", b"-Infinity"),
    *(b"9223372036854775807", b"18446744073709551615", b"18446744073709551616", b"-9223372036854775809", b"1" * 41),
    b"1" * 5000,
    *(b'""', b'" "', b'"x"', '"é 😀 \u2028"'.encode(), rb'"\ud83d"', rb'"\u0000\u001b[2J"', b'"\xff"', _LONG),
    *(b"[]", b"{}", b"[null]", b"[[]]", b'["x"]', b"[1]", b"[{}]", b'{"a":1}', b'{"a":1,"a":[]}', b'{"":{"":{}}}'),
    *(b'{"type":["x"]}', b'{"type":{}}', b'{"type":null}', b'{"type":7}', b'[{"type":["x"]}]', b'{"role":[]}'),
    *(b'{"type":"%b"}' % kind for kind in _KINDS.split()),
    *(b'"auto"', b'"none"', b'"required"', b'"user"', b'{"type":"allowed_tools","mode":[],"tools":[[]]}'),
    *('"data:image/png;base64,é"'.encode(), b'"data:image/png;base64,A"', b'"data:;base64,"', b'"https://"'),
    *(b'"tcx1."', b'"tcx1.chat.!"', b'"tcx1.chat.MQ"', b'"tcx1.summary.MQ"', b'"tcx1.anthropic.W10"', b'"{"', b'"[1]"'),
    *(b"[" * depth + b"]" * depth for depth in (20, 120, 130, 254, 260, 1000, 1030, 5000)),
    *(b'{"properties":' * depth + b"{}" + b"}" * depth for depth in (20, 120, 130, 260, 1000, 5000)),
    b'["\\ud83d",' + b"[" * 5000 + b"]" * 5000 + b"]",
    b'{"$ref":"#"}',
    b'{"anyOf":7,"oneOf":[7],"allOf":{},"properties":[],"required":7}',
    b'{"type":[],"enum":[[]],"const":{},"items":7,"additionalProperties":[],"$ref":[]}',
)


@dataclass(frozen=True)
class Mutation:
    text: bytes
    what: str
    """Where and how it differs from its source."""


class Source:
    """One valid JSON text, and the texts that are nearly it."""

    def __init__(self, text: bytes, name: str = "") -> None:
        self.name = name
        self._text = text

    @cached_property
    def _value(self) -> Any:
        return orjson.loads(self._text)

    @cached_property
    def _places(self) -> list[list[Path]]:
        """All places, those of one shape together."""
        shapes: dict[Path, list[Path]] = {}
        for path in _paths(self._value):
            shapes.setdefault(tuple("[]" if isinstance(step, int) else step for step in path), []).append(path)
        return list(shapes.values())

    def mutations(self, rng: random.Random) -> Iterator[Mutation]:
        """Without end."""
        while True:
            yield self.mutated(rng)

    def mutated(self, rng: random.Random) -> Mutation:
        if rng.random() < 0.02:
            return self._damaged(rng)
        path = rng.choice(rng.choice(self._places))
        how, edit = rng.choice(_EDITS)
        other = rng.choice(VALUES) if rng.random() < 0.9 else self._value_at(rng.choice(rng.choice(self._places)))
        once = _written(self._value, path, lambda now: edit(now, other))
        return Mutation(once, f"{self.name} {_spelled(path)}: {how} {_short(other)}")

    def _damaged(self, rng: random.Random) -> Mutation:
        """No JSON any more, most of the time."""
        at = rng.randrange(len(self._text))
        if rng.random() < 0.5:
            return Mutation(self._text[:at], f"{self.name} cut at byte {at}")
        byte = bytes([rng.randrange(256)])
        return Mutation(self._text[:at] + byte + self._text[at + 1 :], f"{self.name} byte {at}: {byte!r}")

    def _value_at(self, path: Path) -> bytes:
        found: list[bytes] = []
        _written(self._value, path, lambda now: found.append(now) or now)
        return found[0]


type _Edit = Callable[[bytes, bytes], bytes]

_EDITS: tuple[tuple[str, _Edit], ...] = (
    *[("is", lambda _, other: other)] * 6,
    ("is in a list", lambda now, _: b"[" + now + b"]"),
    ("is twice in a list", lambda now, _: b"[" + now + b"," + now + b"]"),
    ("is in an object", lambda now, _: b'{"type":' + now + b"}"),
    ("is before", lambda now, other: now + b"," + other),  # in an object no JSON, which is right too
    ("is left out", lambda now, _: b""),
    (
        "has an unknown key of",
        lambda now, other: re.sub(rb"\A\{(?=.*\S)", lambda _: b'{"unheard":' + other + b",", now),
    ),
)
"""What becomes of the value at a place, and a second value."""


def _paths(value: Any, path: Path = ()) -> Iterator[Path]:
    if path:
        yield path
    match value:
        case dict():
            for key, inner in value.items():
                yield from _paths(inner, (*path, key))
        case list():
            for index, inner in enumerate(value):
                yield from _paths(inner, (*path, index))
        case str() if (held := _held(value)) is not None:
            step, inner = held
            yield from _paths(inner, (*path, step))


def _held(text: str) -> tuple[str, Any] | None:
    """The JSON that a text holds, and the step that leads there."""
    if seal.is_ours(text):
        return _SEAL, seal.unwrap(text.split(".")[1], text)
    if text.startswith("{") and text.endswith("}"):
        try:
            return _JSON, orjson.loads(text)
        except orjson.JSONDecodeError:
            return None
    return None


def _written(value: Any, path: Path, edit: Callable[[bytes], bytes]) -> bytes:
    """The value as text, edited at the place. What is left out takes its key and its comma along."""
    if not path:
        return edit(orjson.dumps(value))
    step, *rest = path
    if step in (_JSON, _SEAL):
        inner = _written(_held(value)[1], tuple(rest), edit)  # type: ignore[index]
        if step == _SEAL:
            inner = ".".join(value.split(".")[:2]).encode() + b"." + base64.urlsafe_b64encode(inner).rstrip(b"=")
        return orjson.dumps(inner.decode("utf-8", "replace"))
    if isinstance(value, list):
        texts = [
            _written(inner, tuple(rest), edit) if at == step else orjson.dumps(inner) for at, inner in enumerate(value)
        ]
        return b"[" + b",".join(filter(None, texts)) + b"]"
    fields = [
        (key, _written(inner, tuple(rest), edit) if key == step else orjson.dumps(inner))
        for key, inner in value.items()
    ]
    return b"{" + b",".join(orjson.dumps(key) + b":" + text for key, text in fields if text) + b"}"


def _spelled(path: Path) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}".replace("\0", "~") for step in path).strip(".")


def _short(value: bytes) -> str:
    text = value.decode("utf-8", "replace")
    return text if len(text) <= 60 else f"{text[:50]}... ({len(text):,} characters)"


def shrunk(text: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """As little of a text as still fails, by leaving out one value after the other, the largest first."""
    try:
        value = json.loads(text.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return text
    smaller = True
    while smaller:
        smaller = False
        for _, holder, key in sorted(_members(value), key=lambda member: member[0], reverse=True):
            before = copy.copy(holder)
            if isinstance(holder, list):
                holder[:] = [item for item in holder if item is not key]
            else:
                holder.pop(key, None)
            if before == holder:
                continue  # it went with what it stood in
            shorter = json.dumps(value).encode()
            if fails(shorter):
                text, smaller = shorter, True
            elif isinstance(holder, list):
                holder[:] = before
            else:
                holder.clear()
                holder.update(before)
    return text


_DEEP = 40


def _members(value: Any, depth: int = 0) -> Iterator[tuple[int, Any, Any]]:
    """(size, the object or list that holds a value, the value's key or, in a list, the value itself)"""
    if depth > _DEEP:
        return
    for key, inner in value.items() if isinstance(value, dict) else ((inner, inner) for inner in value):
        yield len(repr(inner)), value, key
        if isinstance(inner, dict | list):
            yield from _members(inner, depth + 1)
