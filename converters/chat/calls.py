"""Streamed tool calls, told apart however the upstream marks them.

| the upstream                                       | what is made of it                                       |
|----------------------------------------------------|----------------------------------------------------------|
| index, id and name first, then pieces by index     | one call; id and name are never overwritten or joined    |
| a known index with a new id, or with another name  | the next call (OpenRouter, Cerebras)                     |
| no index                                           | told apart by id, then by name, then by place            |
| no id, or one that this answer had before          | an id is minted from the answer's id                     |
| arguments as an object, in fragments too           | merged deeply, told once at the end                      |
| `function_call` (legacy)                           | a call without an index                                  |
| `type: custom`                                     | its text as the argument `input`                         |
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from converters import jsontext
from converters.events import CallDelta, CallStarted, Event
from converters.jsontext import Json
from converters.tools import INPUT, parse_object

_NAMELESS = "unnamed_tool"
"""Stands for a name that never came: the client answers that there is no such tool, and the model asks again."""


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


class Calls:
    """The calls of one answer. `any` says whether there are some; `signatures` waits for who seals them, by handle."""

    def __init__(self) -> None:
        self.signatures: Json = {}
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._handles: set[str] = set()

    @property
    def any(self) -> bool:
        return bool(self._calls)

    def feed(self, entries: Any, answer_id: str) -> list[Event]:
        """What a `tool_calls` array says; entries of a shape that nobody knows say nothing."""
        events: list[Event] = []
        touched: list[_Call] = []
        several = len(entries) > 1
        for place, entry in enumerate(entry for entry in entries if isinstance(entry, dict)):
            function = entry.get("function") or entry.get("custom") or {}
            call = self._call_of(entry, function, place if several else None, touched, answer_id)
            touched.append(call)
            if entry.get("extra_content"):
                self.signatures[call.handle] = entry["extra_content"]
            self._take(call, entry, function, events)
        return events

    def legacy(self, function_call: Json, answer_id: str) -> list[Event]:
        """`function_call`, which knows one call an answer. Some hosts send it empty beside the real ones."""
        if not function_call.get("name") and not function_call.get("arguments"):
            return []
        return self.feed([{"index": -1, "function": function_call}], answer_id)

    def close(self) -> list[Event]:
        """What could only be told at the end."""
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

    # --- which call ---

    def _call_of(self, entry: Json, function: Json, place: int | None, touched: list[_Call], answer: str) -> _Call:
        index = entry.get("index") if isinstance(entry.get("index"), int) else None
        upstream_id, name = str(entry.get("id") or ""), function.get("name") or ""
        known = self._known(index, upstream_id, name, place, touched)
        if known is None or _is_next(known, upstream_id, name, function.get("arguments")):
            return self._open(index, upstream_id, answer)
        known.upstream_id = known.upstream_id or upstream_id
        return known

    def _known(
        self, index: int | None, upstream_id: str, name: str, place: int | None, touched: list[_Call]
    ) -> _Call | None:
        """The call that an entry may go on with."""
        if index is not None:
            return self._by_index.get(index)
        # Entries of one array are different calls.
        open_calls = [call for call in self._calls if not any(call is other for other in touched)]
        if upstream_id:
            return next((call for call in reversed(open_calls) if call.upstream_id == upstream_id), None)
        if place is not None and not name:
            return self._calls[place] if place < len(self._calls) else None
        return open_calls[-1] if open_calls and not touched else None

    def _open(self, index: int | None, upstream_id: str, answer: str) -> _Call:
        call = _Call(self._handle(upstream_id, answer), upstream_id, index)
        self._calls.append(call)
        if index is not None:
            self._by_index[index] = call
        return call

    def _handle(self, upstream_id: str, answer: str) -> str:
        """The upstream's id where it is new in this answer, else one made of the answer's own id and a number."""
        mark = hashlib.sha256(answer.encode()).hexdigest()[:8]
        handle, number = upstream_id, len(self._calls)
        while not handle or handle in self._handles:
            handle, number = f"call_{mark}_{number}", number + 1
        self._handles.add(handle)
        return handle

    # --- what it says ---

    def _take(self, call: _Call, entry: Json, function: Json, events: list[Event]) -> None:
        name = function.get("name")
        if name and not call.started:
            call.name, call.custom = name, "custom" in entry and "function" not in entry
            self._start(call, events)
        arguments = function.get(INPUT) if call.custom else function.get("arguments")
        if isinstance(arguments, dict):
            call.whole = _merged(call.whole or {}, arguments)
        elif arguments:
            self._say(call, str(arguments), events)

    def _start(self, call: _Call, events: list[Event]) -> None:
        call.started = True
        events.append(CallStarted(call.handle, call.name))
        if call.custom:
            events.append(CallDelta(call.handle, f'{{"{INPUT}":"'))
        events += [CallDelta(call.handle, piece) for piece in call.pieces]

    def _say(self, call: _Call, arguments: str, events: list[Event]) -> None:
        piece = jsontext.dumps(arguments).decode()[1:-1] if call.custom else arguments
        call.pieces.append(piece)
        if call.started:
            events.append(CallDelta(call.handle, piece))


def _is_next(known: _Call, upstream_id: str, name: str, arguments: Any) -> bool:
    """Whether an entry opens another call at a place where one is open."""
    if upstream_id and known.upstream_id and (upstream_id != known.upstream_id or known.index is not None):
        return upstream_id != known.upstream_id
    if not name or not known.name:
        return False
    if name != known.name:
        return True
    # The same name again: some hosts repeat it in every piece, others so begin the next of several equal calls.
    if isinstance(arguments, dict):
        return known.index is None
    begins = str(arguments or "").startswith("{")
    return begins and bool(known.pieces) and parse_object("".join(known.pieces)) is not None


def _merged(old: Json, new: Json) -> Json:
    merged = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        merged[key] = _merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return merged
