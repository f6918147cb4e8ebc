"""A response as text: what its protocol's decoder reports, event by event.

| event                          | shown as                                                        |
|--------------------------------|-----------------------------------------------------------------|
| Started                        | the first line: model, protocol, id                             |
| ReasoningDelta, TextDelta      | `thinking` and `text`, in the order in which they came          |
| ReasoningSealed                | named behind its thinking                                       |
| CallStarted, CallDelta         | `call NAME`, its arguments a line each                          |
| UsageReported, Finished        | the last line: why it ended, what it cost                       |
| Failed                         | the last line: CUT or FAILED, and why                           |

What the decoders leave out (a host's own tools) stands by its kind at the end.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import assert_never

from converters import surrogates
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
    TextDelta,
    UsageReported,
)
from converters.jsontext import Json
from converters.rendering import parts
from converters.rendering.layout import GLANCE, LONG, WHOLE, block, characters, compact, glance, title


@dataclass(slots=True)
class _Section:
    kind: str
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        text = surrogates.whole("".join(self.pieces))
        yield title(f"{self.kind} {self.name}".rstrip(), characters(text), *self.notes)
        if self.kind == "call":
            text = parts.arguments(text)
        if text.strip():
            yield from block(text, WHOLE if self.kind == "text" else LONG)
        yield ""


class RenderedResponse:
    """One response. `feed` takes its events, `lines` may be called at any time.

    `seal_note` gives what is shown of a seal, as `Rendering.seal_note` does.
    """

    def __init__(self, protocol: str, seal_note: Callable[[str], str]) -> None:
        self._protocol = protocol
        self._seal_note = seal_note
        self._started: Started | None = None
        self._sections: list[_Section] = []
        self._calls: dict[str, _Section] = {}
        self._usage: UsageReported | None = None
        self._end = ""

    def feed(self, events: Iterable[Event]) -> None:
        for event in events:
            self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case TextDelta(text):
                self._section("text").pieces.append(text)
            case ReasoningDelta(text):
                self._section("thinking").pieces.append(text)
            case ReasoningSealed(secret):
                self._seal(secret)
            case CallStarted(call_id, name):
                self._calls[call_id] = _Section("call", name, notes=[call_id])
                self._sections.append(self._calls[call_id])
            case CallDelta(call_id, piece):
                self._calls[call_id].pieces.append(piece)
            case Started():
                self._started = event
            case UsageReported():
                self._usage = event
            case Finished(reason):
                self._end = f"ends: {reason}"
            case Failed(fault):
                self._end = _failure(fault)
            case _:
                assert_never(event)

    def broke(self, why: str) -> None:
        """The response could not be read any further."""
        self._end = f"NOT ALL: {why}"

    def _section(self, kind: str) -> _Section:
        if not self._sections or self._sections[-1].kind != kind or self._sections[-1].notes:
            self._sections.append(_Section(kind))
        return self._sections[-1]

    def _seal(self, secret: str) -> None:
        if note := self._seal_note(secret):
            last = self._sections[-1] if self._sections else None
            section = last if last and last.kind == "thinking" and not last.notes else self._section("thinking")
            section.notes.append(note)

    def lines(self, others: Iterable[Json] = ()) -> Iterator[str]:
        """`others`: what the response holds beside the events, by its `type`."""
        model, own_id = (self._started.model, self._started.upstream_id) if self._started else ("", "")
        yield title(f"answer of {glance(model, 80) or 'a model'}", self._protocol, glance(own_id, 30))
        yield ""
        for section in self._sections:
            yield from section.lines()
        for other in others:
            yield str(other.get("type"))
            yield from block(compact({key: inner for key, inner in other.items() if key != "type"}), GLANCE)
            yield ""
        yield from block(title(self._end or "goes on", *_cost(self._usage)), GLANCE, "")


def _failure(fault: Fault) -> str:
    outcome = "CUT" if fault.kind == "cut" else f"FAILED ({fault.kind})"
    wait = f" (retry after {fault.retry_after})" if fault.retry_after else ""
    return f"{outcome}: {glance(fault.message, 250)}{wait}"


def _cost(usage: UsageReported | None) -> list[str]:
    if usage is None:
        return []
    read = [(usage.cached_tokens, "cached"), (usage.cache_write_tokens, "written to the cache")]
    return [
        _tokens(usage.input_tokens, "tokens in", read),
        _tokens(usage.output_tokens, "out", [(usage.reasoning_tokens, "thinking")]),
    ]


def _tokens(count: int, what: str, among: list[tuple[int, str]]) -> str:
    details = ", ".join(f"{part:,} {name}" for part, name in among if part)
    return f"{count:,} {what}" + (f" ({details})" if details else "")
