"""How an exchange that is converted anew differs from the recorded one, as lines for a person."""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher, unified_diff
from typing import NamedTuple

import orjson

from addons.cases.case import Case, Text
from addons.recording.recorder import NoCase, RecordedExchange, case_of
from converters import jsontext, sse
from converters.errors import RequestError

_KEEPALIVE = b'event: keepalive\ndata: {"type":"keepalive"}\n\n'
"""Sent by a timer, not by a conversion."""

_WIDTH = 200
_MOST_EVENTS = 20_000
"""Of a stream that differs, so many events are looked at: finding what moved takes long in a long stream."""


@dataclass(frozen=True)
class Comparison:
    """`lines` is empty where nothing differs. `skipped` says why an exchange could not be converted."""

    title: str = ""
    lines: list[str] = field(default_factory=list)
    skipped: str = ""


def compare(recorded: RecordedExchange) -> Comparison:
    try:
        case = case_of(recorded)
    except NoCase as error:
        return Comparison(skipped=str(error))
    return Comparison(_title(recorded, case), list(_differences(case)))


def _title(recorded: RecordedExchange, case: Case) -> str:
    metadata = case.metadata
    began = datetime.datetime.fromtimestamp(recorded.client.request.timestamp_start).astimezone()
    where = f"{metadata.model} -> {metadata.route.provider} {metadata.route.model} ({metadata.route.protocol})"
    return f"=== {began:%Y-%m-%d %H:%M:%S} {where}, flow {recorded.client.id[:8]}"


def _differences(case: Case) -> Iterator[str]:
    try:
        today = case.renewed()
    except RequestError as error:
        yield f"the request is refused today: {error}"
        return
    yield from _of_texts("upstream_request", Text("json", case.upstream_request), Text("json", today.upstream_request))
    if case.metadata.told.status != today.metadata.told.status:
        yield f"the client is told {today.metadata.told.status}, recorded {case.metadata.told.status}"
    yield from _of_texts("client_response", case.client_response, today.client_response)


def _of_texts(name: str, recorded: Text, today: Text) -> Iterator[str]:
    before, after = (text.data.replace(_KEEPALIVE, b"") for text in (recorded, today))
    if before == after:
        return
    yield f"--- {name}, recorded"
    yield f"+++ {name}, today"
    streams = recorded.form == today.form == "sse"
    lines = list(_of_streams(before, after) if streams else _of_lines(_lines(before), _lines(after)))
    yield from lines or ["the same words in other bytes (numbers of events, white space)"]


def _lines(body: bytes) -> list[str]:
    return body.decode("utf-8", "replace").splitlines()


def _of_lines(before: Sequence[str], after: Sequence[str], context: int = 2) -> Iterator[str]:
    for line in list(unified_diff(before, after, n=context, lineterm=""))[2:]:
        yield _shortened(line)


# --- streams ---


class Event(NamedTuple):
    """One record of a stream, its JSON in one line; without the number that shifts when another one is left out."""

    kind: str
    text: str

    @property
    def pretty(self) -> list[str]:
        try:
            return orjson.dumps(jsontext.loads(self.text), option=orjson.OPT_INDENT_2).decode().splitlines()
        except ValueError:
            return [self.text]


def _of_streams(before: bytes, after: bytes) -> Iterator[str]:
    old, new = _events(before), _events(after)
    start = _common_length(old, new)
    end = _common_length(old[start:][::-1], new[start:][::-1])
    old, new = old[start : len(old) - end], new[start : len(new) - end]
    matcher = SequenceMatcher(None, old[:_MOST_EVENTS], new[:_MOST_EVENTS])
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind != "equal":
            yield from _of_events(start + i, old[i:j], new[k:m])
    if max(len(old), len(new)) > _MOST_EVENTS:
        yield f"... and {max(len(old), len(new)) - _MOST_EVENTS} events more that were not looked at"


def _of_events(at: int, old: list[Event], new: list[Event]) -> Iterator[str]:
    """Events in the same place, of the same kind, are compared within; the others are shown as they are."""
    if [event.kind for event in old] == [event.kind for event in new]:
        for number, (before, after) in enumerate(zip(old, new, strict=True), at):
            yield f"@@ event {number}: {before.kind}"
            yield from (line for line in _of_lines(before.pretty, after.pretty, 0) if not line.startswith("@@"))
        return
    yield f"@@ event {at}"
    yield from (_shortened(f"-{event.kind} {event.text}") for event in old)
    yield from (_shortened(f"+{event.kind} {event.text}") for event in new)


def _common_length(old: Sequence[Event], new: Sequence[Event]) -> int:
    """How many at the beginning are the same."""
    return next(
        (at for at, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), min(len(old), len(new))
    )


def _events(stream: bytes) -> list[Event]:
    parser = sse.Parser()
    return [_event(message) for message in parser.feed(stream) + parser.close()]


def _event(message: sse.Message) -> Event:
    try:
        value = jsontext.loads(message.data)
    except ValueError:
        return Event(message.event, message.data.decode("utf-8", "replace"))
    if not isinstance(value, dict):
        return Event(message.event, jsontext.dumps(value).decode())
    value.pop("sequence_number", None)
    kind = str(value.pop("type", message.event))
    return Event(kind, jsontext.dumps(value).decode())


def _shortened(line: str) -> str:
    return line if len(line) <= _WIDTH else f"{line[:_WIDTH]}... ({len(line)} characters)"
