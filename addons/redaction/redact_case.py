"""Redaction of what carries text: JSON, streams, our own seals, and a case as a whole.

Of raw bytes only what is private changes. A value that is spread over several messages of a stream is found in their
joined text, and its placeholder is spread over the same messages.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from addons.cases.case import Case, Text, pretty
from addons.cases.case_metadata import CaseMetadata
from addons.redaction.detectors import Redactor
from addons.redaction.sse import JsonPath, StreamTexts, json_or_none
from converters import jsontext, seal

_SEAL = re.compile(re.escape(seal.PREFIX) + r"(\w+)\.[\w-]*")

_CLIENT_HEADERS = {
    *("accept", "content-type", "user-agent", "originator", "version", "session-id", "thread-id", "openai-beta"),
    *("x-client-request-id", "x-codex-beta-features", "x-codex-window-id", "x-codex-turn-metadata"),
    *("x-codex-parent-thread-id", "x-openai-subagent", "x-openai-internal-codex-responses-lite"),
}
_UPSTREAM_HEADERS = {"content-type", "retry-after", "retry-after-ms"}


class Unsafe(ValueError):
    """A case that still holds something private; `places` says where and of which kind, never the value."""

    def __init__(self, places: list[str]) -> None:
        super().__init__("; ".join(places))
        self.places = places


@dataclass(frozen=True)
class Redacted:
    """`remarks` says where today's code makes something else than what was recorded."""

    case: Case
    remarks: list[str]


def redact(case: Case, redactor: Redactor) -> Redacted:
    """The case with placeholders, and goldens made from it by today's code.

    Raises:
        Unsafe: something private remained.
        RequestError: today's code refuses the request.
    """
    document_redactor = DocumentRedactor(redactor)
    request = document_redactor.document(case.client_request)
    response, chunks = document_redactor.body(case.upstream_response, case.metadata.chunks)
    metadata = _metadata(case.metadata, document_redactor).model_copy(update={"chunks": chunks})
    recorded = replace(
        case,
        metadata=metadata,
        client_request=request,
        upstream_request=document_redactor.document(case.upstream_request),
        upstream_response=response,
    )
    renewed = recorded.renewed()
    if places := [place for name, data in renewed.files().items() for place in leaks(name, data, redactor)]:
        raise Unsafe(places)
    return Redacted(renewed, _differences(recorded, renewed, document_redactor))


def leaks(name: str, data: bytes, redactor: Redactor) -> Iterator[str]:
    """Where a file holds what is private: `upstream_response.sse, event 12: key`."""
    text = data.decode("utf-8", "replace")
    if name.endswith(".sse"):
        yield from (f"{name}, {found}" for found in StreamTexts.parse(text).matches(redactor))
    else:
        for number, line in enumerate(text.splitlines(), 1):
            yield from (f"{name}:{number}: {span.kind}" for span in redactor.spans(line))
    yield from (f"{name}, in a seal: {span.kind}" for sealed in _sealed(text) for span in redactor.spans(sealed))


class DocumentRedactor:
    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def text(self, text: str) -> str:
        return self._redactor.text(self._seals(text))

    def value(self, value: Any) -> Any:
        """A JSON value with all its strings redacted, names of fields too."""
        return self._walk(value, (), lambda _, text: self.text(text))

    def _walk(self, value: Any, path: JsonPath, clean: Callable[[JsonPath, str], str]) -> Any:
        match value:
            case str():
                return clean(path, value)
            case list():
                return [self._walk(item, (*path, number), clean) for number, item in enumerate(value)]
            case dict():
                return {self.text(key): self._walk(item, (*path, key), clean) for key, item in value.items()}
            case _:
                return value

    def document(self, body: bytes) -> bytes:
        """A whole JSON body, pretty-printed."""
        return pretty(jsontext.dumps(self.value(jsontext.loads(body))))

    def body(self, body: Text | None, chunks: tuple[int, ...]) -> tuple[Text | None, tuple[int, ...]]:
        """A body of which every other byte stays, and its chunks: a cut stays beside the characters where it was."""
        if body is None:
            return None, chunks
        text = body.data.decode("utf-8", "surrogateescape")
        if body.form == "sse":
            lines = list(self._lines(StreamTexts.parse(text)))
        else:
            lines = [(text, self._rewritten("", text, json_or_none(text), self.value))]
        pairs = [(_bytes(old), _bytes(new)) for old, new in lines]
        return Text(body.form, b"".join(new for _, new in pairs)), tuple(moved_chunks(chunks, pairs))

    def _lines(self, texts: StreamTexts) -> Iterator[tuple[str, str]]:
        """Each line as it was, and redacted."""
        affected = texts.affected(self._redactor)
        edits = texts.edits(self._redactor, affected)
        for number, line in enumerate(texts.lines):
            edited = edits.get(number, {})
            new = line.raw
            if edited or line.words & affected or seal.PREFIX in line.raw:
                new = self._rewritten(line.prefix, line.raw, line.value, partial(self._apply, edited))
            yield line.raw, new

    def _apply(self, edited: dict[JsonPath, str], value: Any) -> Any:
        """A line's JSON with its edits. Its other strings hold nothing private but in seals."""
        return self._walk(value, (), lambda path, text: edited[path] if path in edited else self._seals(text))

    def _rewritten(self, prefix: str, raw: str, value: Any, redact_value: Callable[[Any], Any]) -> str:
        """A line of a stream, or a whole body; `value` is its JSON, None where it is none."""
        if value is None:
            return self.text(raw)
        clean = redact_value(value)
        if clean == value:
            return raw
        edited = _edit_strings(raw, value, clean)
        if json_or_none(edited.removeprefix(prefix)) == clean:
            return edited
        end = raw[len(raw.rstrip("\r\n")) :]
        return prefix + json.dumps(clean, ensure_ascii=raw.isascii(), separators=(",", ":")) + end

    def _seals(self, text: str) -> str:
        return _SEAL.sub(self._seal, text) if seal.PREFIX in text else text

    def _seal(self, found: re.Match[str]) -> str:
        payload = seal.unwrap(found[1], found[0])
        return found[0] if payload is None else seal.wrap(found[1], self.value(payload))


def moved_chunks(chunks: Iterable[int], pairs: list[tuple[bytes, bytes]]) -> Iterator[int]:
    """The sizes of the chunks after the old line of each (old, new) pair became the new one."""
    cut = number = old_start = new_start = 0  # `number` counts the pairs, which start at these offsets
    new_cut = 0
    for size in chunks:
        cut += size
        while number < len(pairs) and old_start + len(pairs[number][0]) <= cut:
            old, new = pairs[number]
            old_start, new_start = old_start + len(old), new_start + len(new)
            number += 1
        offset = _moved_offset(cut - old_start, *pairs[number]) if number < len(pairs) else 0
        yield new_start + offset - new_cut
        new_cut = new_start + offset


def _moved_offset(offset: int, old: bytes, new: bytes) -> int:
    """A cut's offset in a line that changed: counted from whichever end is still the same."""
    same = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    from_end = len(new) - (len(old) - offset)
    return offset if offset <= same else max(same, from_end)


def _edit_strings(raw: str, value: Any, clean: Any) -> str:
    """The raw JSON in which only the strings that changed are replaced; what is escaped stays escaped."""
    for old, new in _changed(value, clean):
        for ensure_ascii in (True, False):
            raw = raw.replace(json.dumps(old, ensure_ascii=ensure_ascii), json.dumps(new, ensure_ascii=ensure_ascii))
    return raw


def _changed(value: Any, clean: Any) -> Iterator[tuple[str, str]]:
    match value, clean:
        case (str(), str()) if value != clean:
            yield value, clean
        case (list(), list()):
            for item, new_item in zip(value, clean, strict=True):
                yield from _changed(item, new_item)
        case (dict(), dict()):
            for (key, item), (new_key, new_item) in zip(value.items(), clean.items(), strict=False):
                yield from _changed(key, new_key)
                yield from _changed(item, new_item)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _sealed(text: str) -> Iterator[str]:
    for found in _SEAL.finditer(text):
        yield json.dumps(seal.unwrap(found[1], found[0]), ensure_ascii=False)


def _metadata(metadata: CaseMetadata, document_redactor: DocumentRedactor) -> CaseMetadata:
    """Keeps only allowed headers, and redacts their values like any other text."""
    headers = {
        "client_headers": _allowed_headers(metadata.client_headers, _CLIENT_HEADERS),
        "upstream_headers": _allowed_headers(metadata.upstream_headers, _UPSTREAM_HEADERS),
    }
    return CaseMetadata.model_validate(document_redactor.value(metadata.model_copy(update=headers).model_dump()))


def _allowed_headers(headers: dict[str, str], allowed: set[str]) -> dict[str, str]:
    """Of a user agent its first word, which names the program; the rest is about the machine."""
    kept = {name.lower(): value for name, value in headers.items() if name.lower() in allowed}
    return kept | ({"user-agent": kept["user-agent"].split(" ")[0]} if kept.get("user-agent") else {})


def _differences(recorded: Case, renewed: Case, document_redactor: DocumentRedactor) -> list[str]:
    """Streams are compared by their last event: keep-alives and where deltas are cut make no difference."""
    client_response = document_redactor.value(_final_event(recorded.client_response))
    pairs = {
        "upstream_request": (
            json_or_none(recorded.upstream_request.decode()),
            json_or_none(renewed.upstream_request.decode()),
        ),
        "client_response": (client_response, _final_event(renewed.client_response)),
        "the client's status": (recorded.metadata.told.status, renewed.metadata.told.status),
    }
    return [f"{what} differs from the recorded one" for what, (before, now) in pairs.items() if before != now]


def _final_event(response: Text) -> Any:
    """A stream's last event, which repeats the whole response; a body that is no stream as a whole."""
    text = response.data.decode("utf-8", "replace")
    if response.form == "sse":
        text = text.rpartition("data: ")[2]
    return json_or_none(text) or text
