"""Streamed tool calls, told apart however the upstream marks them.

| the upstream                                       | what is made of it                                       |
|----------------------------------------------------|----------------------------------------------------------|
| index, id and name first, then pieces by index     | one call; id and name are never overwritten or joined    |
| a known index with a new id, or with another name  | the next call (OpenRouter, Cerebras)                     |
| no index                                           | told apart by id, then by name, then by place            |
| no id, or one that this response had before        | an id is minted from the response's id                   |
| arguments as an object, in fragments too           | merged deeply, reported once at the end                  |
| `function_call` (legacy)                           | a call without an index                                  |
| `type: custom`                                     | its text as the argument `input`                         |
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from converters import jsontext
from converters.events import CallDelta, CallStarted, Event
from converters.jsontext import Json
from converters.lenient import Reader
from converters.tools import INPUT, is_whole_object, parse_object

_NAMELESS = "unnamed_tool"
"""Stands for a name that never came: the client replies that there is no such tool, and the model calls again."""

_PLACE = "choices[0].delta.tool_calls"
_LEGACY = -1
"""The index of the one call that `function_call` knows."""

_MOST_LOOKS = 8
"""How often a call's arguments are looked at whole, to tell whether its name, repeated, begins the next call."""


@dataclass(slots=True)
class _Call:
    handle: str
    upstream_id: str
    index: int | None
    name: str = ""
    started: bool = False
    custom: bool = False
    pieces: list[str] = field(default_factory=list)
    whole: Json | None = None  # arguments that came as an object
    looks: int = 0


@dataclass(slots=True)
class _CallEntry:
    """What one entry of `tool_calls` holds."""

    index: int | None
    upstream_id: str
    name: str
    arguments: str | Json
    custom: bool


class Calls:
    """The calls of one response. `any`: there are some; `signatures`, by handle, waits for who seals them."""

    def __init__(self, read: Reader) -> None:
        self._read = read
        self.signatures: Json = {}
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._by_id: dict[str, _Call] = {}
        self._handles: set[str] = set()

    @property
    def any(self) -> bool:
        return bool(self._calls)

    @property
    def complete(self) -> bool:
        """Whether each call shows by itself that nothing of it is missing: its arguments are the text of an object."""
        return all(call.started and not call.custom and is_whole_object("".join(call.pieces)) for call in self._calls)

    def feed(self, entries: Any, response_id: str) -> list[Event]:
        """The events of a `tool_calls` array."""
        events: list[Event] = []
        touched: set[str] = set()
        read = self._read.tables(entries, _PLACE)
        for place, raw in enumerate(read):
            entry = self._entry(raw)
            call = self._call_of(entry, place if len(read) > 1 else None, touched, response_id)
            touched.add(call.handle)
            if raw.get("extra_content"):
                self.signatures[call.handle] = raw["extra_content"]
            self._take(call, entry, events)
        return events

    def legacy(self, function_call: Any, response_id: str) -> list[Event]:
        """`function_call`, which knows one call a response. Some hosts send it empty beside the real ones."""
        function = self._read.table(function_call, "choices[0].delta.function_call")
        if not function.get("name") and not function.get("arguments"):
            return []
        return self.feed([{"index": _LEGACY, "function": function}], response_id)

    def close(self) -> list[Event]:
        """What can be reported only at the end."""
        events: list[Event] = []
        for call in self._calls:
            if not call.started and (call.pieces or call.whole or call.upstream_id):
                call.name = _NAMELESS
                self._start(call, events)
            if call.custom:
                events.append(CallDelta(call.handle, '"}'))
            elif call.whole:
                events.append(CallDelta(call.handle, jsontext.dumps(call.whole).decode()))
        return events

    # --- entries ---

    def _entry(self, raw: Json) -> _CallEntry:
        """Runs for each piece of a call: what is of the right type is not looked at twice."""
        function = raw.get("function") or raw.get("custom")
        if not isinstance(function, dict):
            function = self._read.table(function, f"{_PLACE}[].function")
        index, upstream_id, name = raw.get("index"), raw.get("id"), function.get("name")
        if type(index) is not int:
            index = None if index is None else self._read.number_or_none(index, f"{_PLACE}[].index")
        if upstream_id:
            upstream_id = self._read.word(upstream_id, f"{_PLACE}[].id")
        if name:
            name = self._read.word(name, f"{_PLACE}[].function.name")
        custom = "custom" in raw and "function" not in raw
        arguments = function.get(INPUT if custom else "arguments")
        if not isinstance(arguments, str | dict):
            arguments = self._read.text(arguments, f"{_PLACE}[].function.arguments")
        return _CallEntry(index, upstream_id or "", name or "", arguments, custom)

    # --- which call ---

    def _call_of(self, entry: _CallEntry, place: int | None, touched: set[str], response_id: str) -> _Call:
        known = self._known(entry, place, touched)
        if known is None or _is_next(known, entry):
            return self._open(entry, response_id)
        if not known.upstream_id and entry.upstream_id:
            known.upstream_id = entry.upstream_id
            self._by_id[entry.upstream_id] = known
        return known

    def _known(self, entry: _CallEntry, place: int | None, touched: set[str]) -> _Call | None:
        """The call that an entry may go on with. Entries of one array are different calls: `touched` by it so far."""
        if entry.index is not None:
            return self._by_index.get(entry.index)
        if entry.upstream_id:
            known = self._by_id.get(entry.upstream_id)
            return known if known and known.handle not in touched else None
        if place is not None and not entry.name:
            return self._calls[place] if place < len(self._calls) else None
        return self._calls[-1] if self._calls and not touched else None

    def _open(self, entry: _CallEntry, response_id: str) -> _Call:
        call = _Call(self._handle(entry.upstream_id, response_id), entry.upstream_id, entry.index)
        self._calls.append(call)
        if entry.index is not None:
            self._by_index[entry.index] = call
        if entry.upstream_id:
            self._by_id[entry.upstream_id] = call
        return call

    def _handle(self, upstream_id: str, response_id: str) -> str:
        """The upstream's id where it is new in this response, else one made of the response's own id and a number."""
        handle, number = upstream_id, len(self._calls)
        while not handle or handle in self._handles:
            mark = hashlib.sha256(response_id.encode()).hexdigest()[:8]
            handle, number = f"call_{mark}_{number}", number + 1
        self._handles.add(handle)
        return handle

    # --- its events ---

    def _take(self, call: _Call, entry: _CallEntry, events: list[Event]) -> None:
        if entry.name and not call.started:
            call.name, call.custom = entry.name, entry.custom
            self._start(call, events)
        if isinstance(entry.arguments, dict):
            call.whole = call.whole or {}
            _merge(call.whole, entry.arguments)
        elif entry.arguments:
            self._add_arguments(call, entry.arguments, events)

    def _start(self, call: _Call, events: list[Event]) -> None:
        call.started = True
        events.append(CallStarted(call.handle, call.name))
        if call.custom:
            events.append(CallDelta(call.handle, f'{{"{INPUT}":"'))
        events += [CallDelta(call.handle, piece) for piece in call.pieces]

    def _add_arguments(self, call: _Call, arguments: str, events: list[Event]) -> None:
        # The standard library leaves halves of characters as they are; the encoder joins them.
        piece = json.dumps(arguments, ensure_ascii=False)[1:-1] if call.custom else arguments
        call.pieces.append(piece)
        if call.started:
            events.append(CallDelta(call.handle, piece))


def _is_next(known: _Call, entry: _CallEntry) -> bool:
    """Whether an entry opens another call at a place where one is open."""
    if entry.upstream_id and known.upstream_id and (entry.upstream_id != known.upstream_id or known.index is not None):
        return entry.upstream_id != known.upstream_id
    if not entry.name or not known.name:
        return False
    if entry.name != known.name:
        return True
    # The same name again: some hosts repeat it in every piece, others so begin the next of several equal calls.
    if isinstance(entry.arguments, dict):
        return known.index is None
    return entry.arguments.startswith("{") and _is_complete(known)


def _is_complete(call: _Call) -> bool:
    if not call.pieces or not call.pieces[-1].rstrip().endswith("}") or call.looks == _MOST_LOOKS:
        return False
    call.looks += 1
    return parse_object("".join(call.pieces)) is not None


def _merge(into: Json, new: Json) -> None:
    for key, value in new.items():
        before = into.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            _merge(before, value)
        else:
            into[key] = value
