"""A Responses stream -> events.

| in the stream                                | event                                                                 |
|----------------------------------------------|-----------------------------------------------------------------------|
| response.created, or any with a `response`   | Started                                                               |
| output_text.delta, refusal.delta             | TextDelta                                                             |
| reasoning_summary_text and reasoning_text    | ReasoningDelta                                                        |
| output_item.added: any kind of call          | CallStarted, by the tool's plain function name                        |
| function_call_arguments.delta                | CallDelta                                                             |
| a whole text or arguments, in a later event  | what no delta had of it                                               |
| output_item.done: encrypted_content          | ReasoningSealed; our mark of a continued response is left out         |
| response.completed                           | UsageReported, Finished: pause where `end_turn` is false, else        |
|                                              | tool_calls or stop                                                    |
| response.incomplete                          | UsageReported, Finished: content_filter, else length                  |
| response.failed, response.cancelled, error   | Failed                                                                |

A custom tool's input comes as the arguments of the lowered function, whole. An item is known by its `output_index`:
some hosts change its id between events. A terminal event's `output` is read only where no item came before it.
"""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from converters import errors, jsontext, seal, sse, tools
from converters.errors import Fault
from converters.events import (
    CallDelta,
    CallStarted,
    Event,
    Failed,
    Finished,
    ReasoningDelta,
    ReasoningSealed,
    Started,
    StopReason,
    TextDelta,
    UsageReported,
)
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses.dialect import ResponsesDialect
from converters.responses.encoder import CONTINUED_FAMILY

_TERMINAL = {"response.completed", "response.incomplete", "response.failed", "response.cancelled", "error"}
_TEXT_PARTS = {"output_text": "text", "refusal": "refusal"}
_THOUGHT_PARTS = {"summary_text": "text", "reasoning_text": "text"}

type _What = Literal["text", "summary", "content", "arguments"]


class _Piece(NamedTuple):
    """An event with a text: of what, in which of its fields, and whether it is the whole of it."""

    what: _What
    field: str
    whole: bool


_PIECES = {
    "response.output_text.delta": _Piece("text", "delta", False),
    "response.output_text.done": _Piece("text", "text", True),
    "response.refusal.delta": _Piece("text", "delta", False),
    "response.refusal.done": _Piece("text", "refusal", True),
    "response.reasoning_summary_text.delta": _Piece("summary", "delta", False),
    "response.reasoning_summary_text.done": _Piece("summary", "text", True),
    "response.reasoning_text.delta": _Piece("content", "delta", False),
    "response.reasoning_text.done": _Piece("content", "text", True),
    "response.function_call_arguments.delta": _Piece("arguments", "delta", False),
    "response.function_call_arguments.done": _Piece("arguments", "arguments", True),
}
_INDEX: dict[_What, str] = {"text": "content_index", "summary": "summary_index", "content": "content_index"}
"""The field that numbers the parts of an item."""
_THOUGHTS: tuple[_What, ...] = ("summary", "content")


class ResponsesDecoder:
    """A Responses stream as events. Neither a dialect nor losses change what is reported.

    Hosts leave events out, repeat whole texts and renumber parts, so what was reported is kept, by item and kind of
    text: `_reported`. A later event that has a text whole adds only what is missing of it. An item is done once
    (`_done`), and the terminal event's `output` counts only where no item came before it (`_any_item`).
    """

    def __init__(
        self, provider_name: str, dialect: ResponsesDialect | None = None, losses: Losses | None = None
    ) -> None:
        self._provider_name = provider_name
        self._started = False
        self._ended = False
        self._calls: dict[object, str] = {}  # item -> its call id
        self._reported: dict[
            tuple[object, _What], dict[int, list[str]]
        ] = {}  # (item, what) -> part -> what was reported
        self._keys: dict[str, object] = {}  # an item's id -> its key, for events that leave out its place
        self._done: set[object] = set()
        self._any_item = False

    def feed(self, message: sse.Message) -> list[Event]:
        try:
            body = jsontext.loads(message.data)
        except ValueError:
            return []  # [DONE], a keep-alive; a stream cut in the middle of an event has no terminal one either
        if self._ended or not isinstance(body, dict):
            return []
        return list(self._read(str(body.get("type") or message.event), body))

    def close(self) -> list[Event]:
        if self._ended:
            return []
        self._ended = True
        return [Failed(Fault("cut", f"{self._provider_name} ended the stream before the answer was complete"))]

    def whole(self, body: Any) -> list[Event]:
        """The events of a response that is no stream."""
        if not isinstance(body, dict) or self._ended:
            return []
        return list(self._terminal(f"response.{body.get('status')}", {"response": body}))

    def _read(self, kind: str, body: Json) -> Iterator[Event]:
        if kind in _TERMINAL or (not kind and "error" in body):
            yield from self._terminal(kind, body)
        elif isinstance(response := body.get("response"), dict):
            yield from self._start(response)
        elif kind == "response.output_item.added":
            yield from self._item_added(self._key(body), _object(body, "item"))
        elif kind == "response.output_item.done":
            yield from self._item_done(self._key(body), _object(body, "item"))
        elif piece := _PIECES.get(kind):
            index = _count(body, _INDEX.get(piece.what, ""))
            yield from self._report(piece.what, self._key(body), index, body.get(piece.field), whole=piece.whole)

    def _report(self, what: _What, key: object, index: int, text: object, *, whole: bool) -> Iterator[Event]:
        """The event for a text that belongs to a part of an item; the whole of it adds what no delta had."""
        if not isinstance(text, str):
            return
        parts = self._reported.setdefault((key, what), {})
        new_part = bool(parts) and index not in parts
        reported = parts.setdefault(index, [])
        if whole:
            reported[:] = ["".join(reported)]  # repeated again and again, it is joined once
            text = _rest(reported[0], text)
        if not text:
            return
        reported.append(text)
        if what == "text":
            yield TextDelta(text)
        elif what != "arguments":
            # The parts of a summary are paragraphs of their own.
            yield ReasoningDelta(f"\n\n{text}" if new_part else text)
        elif key in self._calls:
            yield CallDelta(self._calls[key], text)

    def _report_item(self, what: _What, key: object, texts: list[str]) -> Iterator[Event]:
        """All parts of a done item; taken together, since some hosts number them otherwise in their deltas."""
        parts = self._reported.get((key, what), {})
        reported = "".join(piece for pieces in parts.values() for piece in pieces)
        if reported:
            yield from self._report(what, key, next(reversed(parts)), _rest(reported, "".join(texts)), whole=False)
            return
        for index, text in enumerate(texts):
            yield from self._report(what, key, index, text, whole=True)

    # --- items ---

    def _item_added(self, key: object, item: Json) -> Iterator[Event]:
        self._any_item = True
        if key in self._calls:
            return
        match item:
            case {"type": "function_call" | "custom_tool_call", "name": str(name)}:
                namespace = item.get("namespace")
                yield self._call(key, item, tools.flat_name(name, namespace if isinstance(namespace, str) else None))
            case {"type": "tool_search_call"}:
                yield self._call(key, item, tools.TOOL_SEARCH)

    def _call(self, key: object, item: Json, name: str) -> Event:
        self._calls[key] = str(item.get("call_id") or item.get("id") or f"call_{len(self._calls)}")
        return CallStarted(self._calls[key], name)

    def _key(self, body: Json) -> object:
        """What an item is known by."""
        index, id_ = body.get("output_index"), str(body.get("item_id") or _object(body, "item").get("id"))
        if not isinstance(index, int):
            return self._keys.get(id_, id_)
        self._keys[id_] = index
        return index

    def _item_done(self, key: object, item: Json) -> Iterator[Event]:
        if key in self._done:
            return
        self._done.add(key)
        yield from self._item_added(key, item)
        match item:
            case {"type": "message"}:
                yield from self._report_item("text", key, _texts(item, "content", _TEXT_PARTS))
            case {"type": "reasoning"}:
                yield from self._reasoning(key, item)
            case {"type": "function_call", "arguments": arguments}:
                yield from self._report("arguments", key, 0, arguments, whole=True)
            case {"type": "custom_tool_call", "input": str(text)}:
                yield from self._report("arguments", key, 0, jsontext.dumps({tools.INPUT: text}).decode(), whole=True)
            case {"type": "tool_search_call", "arguments": arguments}:
                text = arguments if isinstance(arguments, str) else jsontext.dumps(arguments or {}).decode()
                yield from self._report("arguments", key, 0, text, whole=True)

    def _reasoning(self, key: object, item: Json) -> Iterator[Event]:
        for what in _THOUGHTS:
            yield from self._report_item(what, key, _texts(item, what, _THOUGHT_PARTS))
        sealed = item.get("encrypted_content")
        ours_alone = sealed == seal.OPEN or seal.unwrap(CONTINUED_FAMILY, sealed) is not None
        if isinstance(sealed, str) and sealed and not ours_alone:
            yield ReasoningSealed(sealed)

    # --- start and end ---

    def _start(self, response: Json) -> Iterator[Event]:
        if not self._started:
            self._started = True
            yield Started(str(response.get("id") or ""), str(response.get("model") or ""))

    def _terminal(self, kind: str, body: Json) -> Iterator[Event]:
        response = _object(body, "response")
        yield from self._start(response)
        if not self._any_item:
            for index, item in enumerate(_objects(response, "output")):
                yield from self._item_done(index, item)
        self._ended = True
        if isinstance(usage := response.get("usage"), dict):
            yield _usage(usage)
        if kind in ("response.completed", "response.incomplete"):
            yield Finished(self._reason(kind, response))
        else:
            message = body if "message" in body else f"the answer ended as {kind or 'an error'}"
            yield Failed(errors.from_stream(self._provider_name, response.get("error") or body.get("error") or message))

    def _reason(self, kind: str, response: Json) -> StopReason:
        if kind == "response.incomplete":
            why = _object(response, "incomplete_details").get("reason")
            return "content_filter" if why == "content_filter" else "length"
        if response.get("end_turn") is False:
            return "pause"
        return "tool_calls" if self._calls else "stop"


def _object(body: Json, key: str) -> Json:
    value = body.get(key)
    return value if isinstance(value, dict) else {}


def _objects(body: Json, key: str) -> list[Json]:
    value = body.get(key)
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []


def _texts(item: Json, field: str, kinds: dict[str, str]) -> list[str]:
    """The texts in an item's parts; a kind of part -> the field of its text."""
    found = [part.get(kinds.get(str(part.get("type")), "")) for part in _objects(item, field)]
    return [text for text in found if isinstance(text, str)]


def _rest(reported: str, whole: str) -> str:
    """What of a text has not been reported; nothing where it begins otherwise."""
    return whole[len(reported) :] if whole.startswith(reported) else ""


def _usage(usage: Json) -> UsageReported:
    read, write = _object(usage, "input_tokens_details"), _object(usage, "output_tokens_details")
    return UsageReported(
        _count(usage, "input_tokens"),
        _count(usage, "output_tokens"),
        cached_tokens=_count(read, "cached_tokens"),
        cache_write_tokens=_count(read, "cache_write_tokens"),
        reasoning_tokens=_count(write, "reasoning_tokens"),
    )


def _count(body: Json, key: str) -> int:
    value = body.get(key)
    return value if isinstance(value, int) else 0
