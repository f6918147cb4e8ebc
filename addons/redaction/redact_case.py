"""Redaction of what carries text: JSON, streams, our own seals, and a case as a whole.

Of raw bytes only what is private changes. A value that a stream brings in pieces is looked for in the pieces' joined
text, and its placeholder is spread over the same pieces.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from addons.case import Case, Notes, Text, pretty
from addons.redaction.detectors import Redactor
from addons.redaction.sse import Path, Pieces
from converters import jsontext, seal

_SEAL = re.compile(re.escape(seal.PREFIX) + r"(\w+)\.[\w-]*")

_KEPT_OF_CLIENT = {
    *("accept", "content-type", "user-agent", "originator", "version", "session-id", "thread-id", "openai-beta"),
    *("x-client-request-id", "x-codex-beta-features", "x-codex-window-id", "x-codex-turn-metadata"),
    *("x-codex-parent-thread-id", "x-openai-subagent", "x-openai-internal-codex-responses-lite"),
}
_KEPT_OF_UPSTREAM = {"content-type", "retry-after", "retry-after-ms"}


class Unsafe(ValueError):
    """A case that still holds what is private; each of `places` says where and what kind of thing, never the thing."""

    def __init__(self, places: list[str]) -> None:
        super().__init__("; ".join(places))
        self.places = places


@dataclass(frozen=True)
class Redacted:
    """`remarks`: how the recorded answer differs from the one that today's code makes, if it does."""

    case: Case
    remarks: list[str]


def redact(case: Case, redactor: Redactor) -> Redacted:
    """The case with placeholders, and goldens that fit them.

    Raises:
        Unsafe: something remained.
        RequestError: today's code refuses the request.
    """
    scrubber = Scrubber(redactor)
    request = scrubber.document(case.client_request)
    response, chunks = scrubber.body(case.upstream_response, case.notes.chunks)
    notes = _notes(case.notes, scrubber).model_copy(update={"chunks": chunks})
    recorded = replace(
        case,
        notes=notes,
        client_request=request,
        upstream_request=scrubber.document(case.upstream_request),
        upstream_response=response,
    )
    renewed = recorded.renewed()
    if places := [place for name, data in renewed.files().items() for place in leaks(name, data, redactor)]:
        raise Unsafe(places)
    return Redacted(renewed, _differences(recorded, renewed, scrubber))


def leaks(name: str, data: bytes, redactor: Redactor) -> Iterator[str]:
    """Where a file holds what is private: `upstream_response.sse, event 12: key`."""
    text = data.decode("utf-8", "replace")
    if name.endswith(".sse"):
        yield from (f"{name}, {found}" for found in Pieces.of_stream(text).finds(redactor))
    else:
        for number, line in enumerate(text.splitlines(), 1):
            yield from (f"{name}:{number}: {span.kind}" for span in redactor.spans(line))
    yield from (f"{name}, in a seal: {span.kind}" for sealed in _sealed(text) for span in redactor.spans(sealed))


class Scrubber:
    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def text(self, text: str) -> str:
        return self._redactor.text(self._seals(text))

    def value(self, value: Any) -> Any:
        """A JSON value with all its texts, the names of fields too, scrubbed."""
        return self._walk(value, (), lambda _, text: self.text(text))

    def _walk(self, value: Any, path: Path, clean: Callable[[Path, str], str]) -> Any:
        match value:
            case str():
                return clean(path, value)
            case list():
                return [self._walk(one, (*path, number), clean) for number, one in enumerate(value)]
            case dict():
                return {self.text(key): self._walk(one, (*path, key), clean) for key, one in value.items()}
            case _:
                return value

    def document(self, body: bytes) -> bytes:
        """A whole JSON body, pretty-printed."""
        return pretty(jsontext.dumps(self.value(jsontext.loads(body))))

    def body(self, body: Text | None, chunks: tuple[int, ...]) -> tuple[Text | None, tuple[int, ...]]:
        """A body whose bytes matter, and where it was cut: a border stays beside the characters where it was."""
        if body is None:
            return None, chunks
        text = body.data.decode("utf-8", "surrogateescape")
        if body.form == "sse":
            lines = list(self._lines(Pieces.of_stream(text)))
        else:
            lines = [(text, self._rewritten("", text, _json(text), self.value))]
        pairs = [(_bytes(old), _bytes(new)) for old, new in lines]
        return Text(body.form, b"".join(new for _, new in pairs)), tuple(moved(chunks, pairs))

    def _lines(self, pieces: Pieces) -> Iterator[tuple[str, str]]:
        """Each line as it was, and as it is to be."""
        affected = pieces.affected(self._redactor)
        edits = pieces.edits(self._redactor, affected)
        for number, line in enumerate(pieces.lines):
            edited = edits.get(number, {})
            new = line.raw
            if edited or line.words & affected or seal.PREFIX in line.raw:
                new = self._rewritten(line.prefix, line.raw, line.value, partial(self._edited, edited))
            yield line.raw, new

    def _edited(self, edited: dict[Path, str], value: Any) -> Any:
        """A line's value: what stands elsewhere in it holds nothing private, or a share of a placeholder."""
        return self._walk(value, (), lambda path, text: edited[path] if path in edited else self._seals(text))

    def _rewritten(self, prefix: str, raw: str, value: Any, scrub: Callable[[Any], Any]) -> str:
        """A line of a stream, or a whole body; `value` is its JSON."""
        if value is None:
            return self.text(raw)
        clean = scrub(value)
        if clean == value:
            return raw
        edited = _edited(raw, value, clean)
        if _json(edited.removeprefix(prefix)) == clean:
            return edited
        end = raw[len(raw.rstrip("\r\n")) :]
        return prefix + json.dumps(clean, ensure_ascii=raw.isascii(), separators=(",", ":")) + end

    def _seals(self, text: str) -> str:
        return _SEAL.sub(self._seal, text) if seal.PREFIX in text else text

    def _seal(self, found: re.Match[str]) -> str:
        payload = seal.unwrap(found[1], found[0])
        return found[0] if payload is None else seal.wrap(found[1], self.value(payload))


def moved(chunks: Iterable[int], pairs: list[tuple[bytes, bytes]]) -> Iterator[int]:
    """The sizes of the same chunks after each first of a pair became the second."""
    at = start = before = after = 0
    position = 0  # the last border, in the new bytes
    for size in chunks:
        at += size
        while start < len(pairs) and before + len(pairs[start][0]) <= at:
            before, after = before + len(pairs[start][0]), after + len(pairs[start][1])
            start += 1
        within = _within(at - before, *pairs[start]) if start < len(pairs) else 0
        yield after + within - position
        position = after + within


def _within(offset: int, old: bytes, new: bytes) -> int:
    """A border's offset in a line that changed: counted from whichever end is still the same."""
    same = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    from_end = len(new) - (len(old) - offset)
    return offset if offset <= same else max(same, from_end)


def _edited(raw: str, value: Any, clean: Any) -> str:
    """The raw JSON with the texts that changed, written as they were."""
    for old, new in _changed(value, clean):
        for write in _WRITERS:
            raw = raw.replace(write(old), write(new))
    return raw


_WRITERS: tuple[Callable[[str], str], ...] = (json.dumps, lambda text: json.dumps(text, ensure_ascii=False))


def _changed(value: Any, clean: Any) -> Iterator[tuple[str, str]]:
    match value, clean:
        case (str(), str()) if value != clean:
            yield value, clean
        case (list(), list()):
            for one, other in zip(value, clean, strict=True):
                yield from _changed(one, other)
        case (dict(), dict()):
            for (key, one), (new_key, other) in zip(value.items(), clean.items(), strict=False):
                yield from _changed(key, new_key)
                yield from _changed(one, other)


def _json(text: str) -> Any:
    """None where the text is no JSON."""
    try:
        return jsontext.loads(text)
    except (ValueError, UnicodeEncodeError):
        return None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _sealed(text: str) -> Iterator[str]:
    for found in _SEAL.finditer(text):
        yield json.dumps(seal.unwrap(found[1], found[0]), ensure_ascii=False)


def _notes(notes: Notes, scrubber: Scrubber) -> Notes:
    """Headers that nobody allowed go; values of the others are texts like any other."""
    kept = {
        "client_headers": _kept(notes.client_headers, _KEPT_OF_CLIENT),
        "upstream_headers": _kept(notes.upstream_headers, _KEPT_OF_UPSTREAM),
    }
    return Notes.model_validate(scrubber.value(notes.model_copy(update=kept).model_dump()))


def _kept(headers: dict[str, str], allowed: set[str]) -> dict[str, str]:
    """A user-agent's first word says which program it is, the rest is about the machine."""
    kept = {name.lower(): value for name, value in headers.items() if name.lower() in allowed}
    return kept | ({"user-agent": kept["user-agent"].split(" ")[0]} if kept.get("user-agent") else {})


def _differences(recorded: Case, renewed: Case, scrubber: Scrubber) -> list[str]:
    """Compared by what a stream says at its end: keep-alives and the borders of deltas are no difference."""
    then = scrubber.value(_last_words(recorded.client_response))
    pairs = {
        "upstream_request": (_json(recorded.upstream_request.decode()), _json(renewed.upstream_request.decode())),
        "client_response": (then, _last_words(renewed.client_response)),
        "the status that the client is told": (recorded.notes.told.status, renewed.notes.told.status),
    }
    return [f"{what} differs from the recorded one" for what, (then, now) in pairs.items() if then != now]


def _last_words(response: Text) -> Any:
    """A stream's last event; it repeats all that was said."""
    text = response.data.decode("utf-8", "replace")
    if response.form == "sse":
        text = text.rpartition("data: ")[2]
    return _json(text) or text
