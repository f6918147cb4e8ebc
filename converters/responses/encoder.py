"""Events -> a Responses stream: all its bookkeeping, once, for all upstreams.

| event           | in the stream                                                                              |
|-----------------|--------------------------------------------------------------------------------------------|
| Started         | response.created, response.in_progress; without it they come before the first other event  |
| TextDelta       | the open message grows; reasoning that is open ends                                        |
| ReasoningDelta  | the open reasoning item grows; a message that is open ends                                 |
| ReasoningSealed | encrypted_content of the open reasoning item, which ends; else a reasoning item of its own |
| CallStarted     | what is open ends; a call begins                                                           |
| CallDelta       | the call grows, whatever else is open                                                      |
| UsageReported   | `usage` of the terminal event                                                              |
| Finished        | what is open ends, then the calls in order; the terminal event                             |
| Failed          | response.failed; what is open never ends                                                   |

Calls end only with the response, since Codex runs a tool at its output_item.done: a call that the upstream did not
finish is never released. For the same reason an open message does not end in a failed response: Codex keeps items
that ended when it retries, and would show the text twice.

| Finished       | other clients                 | Codex                                                              |
|----------------|-------------------------------|--------------------------------------------------------------------|
| stop           | completed                     | completed                                                          |
| tool_calls     | completed                     | completed                                                          |
| pause          | completed                     | completed with `end_turn: false`: Codex sends again at once        |
| length         | incomplete, max_output_tokens | the same; as `pause` where `continue_on_length` is set             |
| content_filter | incomplete, content_filter    | failed, content_policy_violation (it retries `incomplete` in vain) |

A response without any text or call is completed with an empty output (`is_empty`); Codex then ends the turn. Where that
would end it in the middle of the work, right after a tool's output, `continue_on_empty` makes Codex send once more.
"""

import hashlib
from collections.abc import Iterable

from converters import seal
from converters.errors import Client, Fault
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
from converters.responses import wire
from converters.responses.items import CALL_BUILDERS, CallBuilder, ItemBuilder, MessageBuilder, ReasoningBuilder
from converters.responses.lifecycle import Lifecycle
from converters.tools import Toolbox

_CALLS_AND_OUTPUTS = (
    wire.FunctionCallItem,
    wire.CustomCallItem,
    wire.ToolSearchCallItem,
    wire.OutputItem,
    wire.ToolSearchOutputItem,
)

MOST_ITEMS = 10_000
"""No response needs as many; whoever sends more does not stop by itself."""

CUT = Fault("cut", "The answer ended before it was complete.")
TOO_MANY = Fault("bad_request", f"The answer has more than {MOST_ITEMS:,} messages, thoughts and calls.", 502)
FILTERED = Fault("content_policy", "The provider's content filter stopped the answer.")


def filtered(explanation: str) -> Fault:
    return Fault("content_policy", f"{FILTERED.message} {explanation}") if explanation else FILTERED


class Encoder:
    """`continue_on_length`: Codex is to continue by itself a response that the length limit cut.

    `continue_on_empty`: and once a response to a tool's output without any text or call.
    """

    def __init__(
        self,
        request: wire.Request,
        tools: Toolbox,
        *,
        created_at: int,
        client: Client,
        continue_on_length: bool = False,
        continue_on_empty: bool = False,
    ) -> None:
        self._life = Lifecycle(request, created_at=created_at, client=client)
        self._request, self._tools, self._client = request, tools, client
        self._continue_on_length, self._continue_on_empty = continue_on_length, continue_on_empty
        self._items: list[ItemBuilder] = []
        self._has_content = False
        self.is_empty = False
        """It is complete, and holds neither text nor call."""
        self._message: MessageBuilder | None = None  # at most one of these two is open
        self._reasoning: ReasoningBuilder | None = None
        self._calls: dict[str, CallBuilder] = {}  # by the decoder's handle
        self._call_ids: dict[str, int] | None = None  # those taken, and how often; None before the first call

    @property
    def ended(self) -> bool:
        return self._life.ended

    @property
    def has_content(self) -> bool:
        """Text, reasoning or a call was written, or the response ended for a reason that is worth reading."""
        return self._has_content or (self._life.ended and self._life.fault is None and not self.is_empty)

    @property
    def response(self) -> Json:
        """The terminal event's `response`; before the end, what stands so far of it."""
        return self._life.response

    @property
    def fault(self) -> Fault | None:
        return self._life.fault

    @property
    def usage(self) -> Json | None:
        return self._life.usage

    def feed(self, events: Iterable[Event]) -> bytes:
        """The stream's records for these events."""
        life = self._life
        for event in events:
            if life.ended:
                break
            if not life.started:
                life.start(event.upstream_id if isinstance(event, Started) else "")
            self._encode(event)
            if len(self._items) > MOST_ITEMS:
                life.fail(self._output(), TOO_MANY)
        return life.stream.take()

    def close(self) -> bytes:
        return self.feed([Failed(CUT)])

    def _encode(self, event: Event) -> None:
        match event:
            case TextDelta(text):
                self._add_text(text)
            case ReasoningDelta(text):
                self._add_reasoning(text)
            case CallDelta(call_id, arguments):
                if arguments and (call := self._calls.get(call_id)):
                    call.add(arguments)
            case CallStarted(call_id, name):
                self._start_call(call_id, name)
            case ReasoningSealed(sealed):
                self._seal_reasoning(sealed)
            case UsageReported():
                self._life.report(event)
            case Finished(reason, explanation):
                self._finish(reason, explanation)
            case Failed(fault):
                self._life.fail(self._output(), fault)
            case Started():
                pass

    # --- items ---

    def _add_text(self, text: str) -> None:
        if not text:
            return
        if self._message is None:
            self._end_open()
            self._message = self._open(MessageBuilder(self._life.stream, self._life.tail, len(self._items)))
        self._message.add(text)

    def _add_reasoning(self, text: str) -> None:
        if text:
            self._open_reasoning().add(text)

    def _seal_reasoning(self, sealed: str) -> None:
        self._open_reasoning().seal = sealed
        self._end_open()

    def _open_reasoning(self) -> ReasoningBuilder:
        if self._reasoning is None:
            self._end_open()
            self._reasoning = self._open(ReasoningBuilder(self._life.stream, self._life.tail, len(self._items)))
        return self._reasoning

    def _start_call(self, handle: str, name: str) -> None:
        self._end_open()
        function = self._tools.find(name)
        builder = CALL_BUILDERS[function.kind if function else "function"]
        call_id = self._unique(handle or f"call_{len(self._items)}")
        call = builder(self._life.stream, self._life.tail, len(self._items), function, name, call_id)
        self._calls[handle] = self._open(call)

    def _unique(self, call_id: str) -> str:
        """The upstream's id of a call, marked where it is taken: some models count theirs from 0 in every response."""
        if self._call_ids is None:
            self._call_ids = {
                item.call_id: 0 for item in self._request.input if isinstance(item, _CALLS_AND_OUTPUTS) and item.call_id
            }
        taken = self._call_ids
        wanted = call_id
        while call_id in taken:
            taken[wanted] += 1
            mark = hashlib.sha256(f"{self._life.tail} {taken[wanted]}".encode()).hexdigest()[:8]
            call_id = f"{wanted}_{mark}"
        taken[call_id] = 0
        return call_id

    def _open[I: ItemBuilder](self, item: I) -> I:
        self._has_content = True
        return self._append(item)

    def _append[I: ItemBuilder](self, item: I) -> I:
        self._items.append(item)
        item.open()
        return item

    def _end_open(self, *, whole: bool = True) -> None:
        item = self._message or self._reasoning
        if item:
            item.end("completed" if whole else "incomplete")
        self._message = self._reasoning = None

    # --- the end ---

    def _finish(self, reason: StopReason, explanation: str) -> None:
        whole = reason not in ("length", "content_filter")
        self._end_open(whole=whole)
        if whole:
            for item in self._items:
                if not item.ended:
                    item.end()
        self.is_empty = whole and all(isinstance(item, ReasoningBuilder) for item in self._items)
        if reason == "content_filter" and self._client != "other":
            self._life.fail(self._output(), filtered(explanation))
        elif self._is_to_continue(reason):
            self._mark_continued()
            self._life.complete(self._output(), end_turn=False)
        elif whole:
            self._life.complete(self._output())
        else:
            self._life.cut_short(self._output(), "max_output_tokens" if reason == "length" else reason)

    def _output(self) -> list[Json]:
        return [item.final() for item in self._items]

    def _is_to_continue(self, reason: StopReason) -> bool:
        """Whether Codex is to send its next request at once, with the output so far."""
        if self._client == "other":
            return False
        if reason == "stop" and self._continue_on_empty and self._follows_a_tool_output():
            return self.is_empty and continued(self._request) == 0
        wanted = reason == "pause" or (reason == "length" and self._continue_on_length)
        # A call that was cut would be cut again, and an item that is open is none of a completed response.
        is_whole = bool(self._items) and all(item.ended for item in self._items)
        return wanted and is_whole and continued(self._request) < _MOST_ROUNDS

    def _follows_a_tool_output(self) -> bool:
        return isinstance(next(reversed(self._request.input), None), wire.OutputItem | wire.ToolSearchOutputItem)

    def _mark_continued(self) -> None:
        mark = self._append(ReasoningBuilder(self._life.stream, self._life.tail, len(self._items)))
        mark.seal = seal.wrap(CONTINUED_FAMILY, continued(self._request) + 1)
        mark.end()


# --- going on by itself ---

CONTINUED_FAMILY = "continued"
"""Seals the mark of a response that Codex is to continue; Codex sends it back, so rounds can be counted."""

_MOST_ROUNDS = 3


def continued(request: wire.Request) -> int:
    """How many responses since the user's last message were to be continued."""
    rounds = 0
    for item in reversed(request.input):
        match item:
            case wire.MessageItem(role="user"):
                break
            case wire.ReasoningItem() if seal.unwrap(CONTINUED_FAMILY, item.encrypted_content) is not None:
                rounds += 1
    return rounds
