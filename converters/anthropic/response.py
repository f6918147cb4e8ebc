"""An Anthropic Messages response, streamed or whole, as events.

| Anthropic                                       | events                                                       |
|-------------------------------------------------|--------------------------------------------------------------|
| message_start                                   | Started, UsageReported                                       |
| text block, text_delta                          | TextDelta (citations are left out)                           |
| thinking block, thinking_delta, signature_delta | ReasoningDelta, then ReasoningSealed with text and signature |
| redacted_thinking block                         | ReasoningSealed alone                                        |
| tool_use block, input_json_delta                | CallStarted, CallDelta                                       |
| server_tool_use, *_tool_result, any other block | nothing: what the host's own tools found is in the text      |
| message_delta                                   | UsageReported                                                |
| message_stop                                    | Finished, or Failed, see finish_reason.py                    |
| error, at any time                              | Failed                                                       |

The stream: https://docs.anthropic.com/en/api/messages-streaming. Compatible hosts leave out indexes, stops and ids;
what can be understood is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from converters import errors, jsontext, sse
from converters.anthropic import finish_reason, reasoning
from converters.anthropic.dialect import AnthropicDialect
from converters.anthropic.usage import Usage
from converters.delta_template import DeltaTemplate
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
)
from converters.jsontext import Json
from converters.lenient import Reader
from converters.losses import Losses
from converters.tools import is_whole_object


@dataclass(slots=True)
class _Block:
    """A content block that has begun. `given` is the input of a tool_use whose start already holds it."""

    kind: str
    call_id: str = ""
    given: Json = field(default_factory=dict)
    pieces: list[str] = field(default_factory=list)
    """Of the thinking, or of the arguments."""
    signature: list[str] = field(default_factory=list)


class AnthropicDecoder:
    """One response; what cannot be read of it is noted in `losses`.

    `_blocks` are the open content blocks by index; `_latest` is the index that a host means which leaves indexes out.
    A block of thinking is sealed when it stops, or when the next block starts without a stop in between. The reason of
    `message_delta` (`_stop_reason`) becomes Finished at `message_stop` or at the end of the bytes; after `_ended`
    nothing is reported.
    """

    def __init__(self, provider_name: str, dialect: AnthropicDialect, losses: Losses | None = None) -> None:
        self._provider_name = provider_name
        self._dialect = dialect
        self._read = Reader(Losses() if losses is None else losses)
        self._upstream_id: str | None = None
        self._blocks: dict[int, _Block] = {}
        self._latest = -1
        self._thinking = -1  # the latest block of thinking
        self._calls: dict[str, _Block] = {}
        self._usage = Usage(self._read)
        self._template = DeltaTemplate()
        self._stop_reason: str | None = None
        self._explanation = ""
        self._has_output = False
        self._ended = False

    def feed(self, message: sse.Message) -> list[Event]:
        data = message.data
        if self._ended or not data.startswith(b"{"):
            return []  # after the end, `[DONE]`, or a gateway's sign of life
        if text := self._template.text_of(data):
            return self._text(text)
        try:
            body = jsontext.loads_pieces(data)
        except ValueError:
            return self._fail(
                Fault("cut", f"{self._provider_name} sent a message that is not JSON, or nested too deep")
            )
        kind = self._read.text(body.get("type"), "type") or message.event
        if kind == "content_block_delta":
            if self._template.learns:
                self._template.learn(data, "text" if _is_text(body) else "")
            return self._delta(body)
        return list(self._other(kind, body))

    def whole(self, body: Any) -> list[Event]:
        """The events of a response that came as one message."""
        content = body.get("content") if isinstance(body, dict) else None
        if not isinstance(content, list):
            return self._fail(errors.from_stream(self._provider_name, body))
        return [*self._message_start({"message": body}), *self._whole_content(content), *self._message_end(body)]

    def close(self) -> list[Event]:
        if self._ended:
            return []
        if self._stop_reason is None:
            return self._fail(Fault("cut", f"{self._provider_name} closed the stream before its end"))
        return list(self._finish())

    # --- messages ---

    def _other(self, kind: str, body: Json) -> Iterator[Event]:
        match kind:
            case "message_start":
                yield from self._message_start(body)
            case "content_block_start":
                yield from self._block_start(body)
            case "content_block_stop":
                yield from self._block_stop(self._index(body, self._latest))
            case "message_delta":
                yield from self._message_delta(body)
            case "message_stop":
                yield from self._finish()
            case _ if kind == "error" or body.get("error"):
                yield from self._fail(errors.from_stream(self._provider_name, body.get("error") or body))

    def _message_start(self, body: Json) -> Iterator[Event]:
        message = self._read.table(body.get("message"), "message")
        upstream_id = self._read.word(message.get("id"), "message.id")
        if self._upstream_id is None:
            self._upstream_id = upstream_id
            yield Started(upstream_id, self._read.word(message.get("model"), "message.model"))
            yield from self._usage.update(message.get("usage"))
        elif upstream_id != self._upstream_id:
            # A gateway sent the request again after it lost its upstream: the halves of two responses are no response.
            yield from self._fail(Fault("cut", f"{self._provider_name} began a second answer within the first"))

    def _message_delta(self, body: Json) -> Iterator[Event]:
        self._stopped(self._read.table(body.get("delta"), "delta"))
        yield from self._usage.update(body.get("usage"))

    def _stopped(self, end: Json) -> None:
        """Notes why, from a message_delta's `delta` or a whole message."""
        self._stop_reason = self._read.text(end.get("stop_reason"), "stop_reason") or self._stop_reason
        details = self._read.table(end.get("stop_details"), "stop_details")
        explanation = details.get("explanation") or details.get("category")
        self._explanation = self._read.word(explanation, "stop_details.explanation") or self._explanation

    def _finish(self) -> Iterator[Event]:
        for index in list(self._blocks):
            yield from self._block_stop(index)
        if fault := self._fault():
            yield from self._fail(fault)
            return
        reason = finish_reason.stop_reason(self._stop_reason or "")
        if reason == "stop" and self._calls:
            reason = "tool_calls"  # compatible hosts send end_turn after calls
        self._ended = True
        yield Finished(reason, f"{self._provider_name}: {self._explanation}" if self._explanation else "")

    def _fault(self) -> Fault | None:
        """Why a response that has come to its end failed all the same."""
        match self._stop_reason:
            case None if not self._has_output or not all(map(_is_complete, self._calls.values())):
                # A gateway that lost its upstream ends so. The output counts; half a call must not.
                return Fault("cut", f"{self._provider_name} ended the answer without a reason, before it was complete")
            case "model_context_window_exceeded" if not self._has_output:
                return Fault("context_overflow", f"{self._provider_name}: the conversation fills the context window")
            case reason:
                return finish_reason.broken(self._provider_name, reason or "", self._explanation)

    def _fail(self, fault: Fault) -> list[Event]:
        self._ended = True
        return [Failed(fault)]

    # --- blocks ---

    def _block_start(self, body: Json) -> Iterator[Event]:
        yield from self._block_stop(self._thinking)  # a seal belongs right after its thinking, where no stop comes too
        start = self._read.table(body.get("content_block"), "content_block")
        self._latest = self._index(body, self._latest + 1)
        yield from self._block_stop(self._latest)
        block = self._blocks[self._latest] = _Block(self._read.text(start.get("type"), "content_block.type"))
        match block.kind:
            case "text":
                yield from self._text(start.get("text"))
            case "thinking":
                self._thinking = self._latest
                self._sign(block, start.get("signature"))
                yield from self._thought(block, start.get("thinking"))
            case "redacted_thinking":
                if data := self._read.word(start.get("data"), "content_block.data"):
                    yield ReasoningSealed(reasoning.seal_redacted(data, self._dialect))
            case "tool_use":
                self._has_output = True
                block.call_id = self._call_id(self._read.word(start.get("id"), "content_block.id"))
                block.given = self._read.table(start.get("input"), "content_block.input")
                self._calls[block.call_id] = block
                yield CallStarted(block.call_id, self._read.word(start.get("name"), "content_block.name"))

    def _delta(self, body: Json) -> list[Event]:
        delta = self._read.table(body.get("delta"), "delta")
        block = self._blocks.get(self._index(body, self._latest))
        match delta.get("type"):
            case "text_delta":
                return self._text(delta.get("text"))
            case "input_json_delta":
                return self._arguments(block, delta.get("partial_json"))
            case "thinking_delta" if block:
                return self._thought(block, delta.get("thinking"))
            case "thinking_delta":
                return list(self._implied_thinking(body, delta.get("thinking")))
            case "signature_delta" if block:
                self._sign(block, delta.get("signature"))
        return []

    def _index(self, body: Json, otherwise: int) -> int:
        index = body.get("index")
        if type(index) is not int:  # the form that every delta has, without a look at the others
            index = None if index is None else self._read.number_or_none(index, "index")
        return otherwise if index is None else index

    def _text(self, text: Any) -> list[Event]:
        if not (text := self._read.text(text, "text")):
            return []
        self._has_output = True
        return [TextDelta(text)]

    def _thought(self, block: _Block, text: Any) -> list[Event]:
        if not (text := self._read.text(text, "thinking")):
            return []
        if block.kind == "thinking":
            block.pieces.append(text)
        return [ReasoningDelta(text)]

    def _sign(self, block: _Block, signature: Any) -> None:
        """Anthropic sends it whole; joining also suits a host that cuts it."""
        if signature := self._read.text(signature, "signature"):
            block.signature.append(signature)

    def _arguments(self, block: _Block | None, piece: Any) -> list[Event]:
        piece = self._read.text(piece, "partial_json")
        if block is None or not block.call_id or not piece:
            return []  # among them: the input of a tool that the host itself runs
        block.pieces.append(piece)
        return [CallDelta(block.call_id, piece)]

    def _implied_thinking(self, body: Json, text: Any) -> Iterator[Event]:
        """Of a block whose start never came."""
        yield from self._block_stop(self._thinking)
        self._latest = self._thinking = self._index(body, self._latest + 1)
        block = self._blocks[self._latest] = _Block("thinking")
        yield from self._thought(block, text)

    def _block_stop(self, index: int) -> Iterator[Event]:
        block = self._blocks.pop(index, None)
        if block is None:
            return
        if block.kind == "thinking":
            sealed = reasoning.seal("".join(block.pieces), "".join(block.signature), self._dialect)
            if sealed:
                yield ReasoningSealed(sealed)
        elif block.given and not block.pieces:
            yield CallDelta(block.call_id, jsontext.dumps(block.given).decode())

    def _call_id(self, wanted: str) -> str:
        call_id, number = wanted, len(self._calls)
        while not call_id or call_id in self._calls:
            call_id, number = f"call_{number}_{self._upstream_id or ''}".rstrip("_"), number + 1
        return call_id

    # --- a response in one piece ---

    def _whole_content(self, content: list[Any]) -> Iterator[Event]:
        for index, block in enumerate(self._read.tables(content, "content")):
            yield from self._block_start({"index": index, "content_block": block})
            yield from self._block_stop(index)

    def _message_end(self, body: Json) -> Iterator[Event]:
        self._stopped(body)
        yield from self._finish()


def _is_complete(call: _Block) -> bool:
    return is_whole_object("".join(call.pieces)) if call.pieces else bool(call.given)


def _is_text(body: Json) -> bool:
    """Whether a delta is one of text, and names its own type."""
    delta = body.get("delta")
    return bool(body.get("type")) and isinstance(delta, dict) and delta.get("type") == "text_delta"
