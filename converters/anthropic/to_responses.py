"""An Anthropic Messages answer, streamed or whole, as events.

| Anthropic                                         | events                                                          |
|---------------------------------------------------|-----------------------------------------------------------------|
| message_start                                     | Started, UsageReported                                          |
| text block, text_delta                            | TextDelta (citations are left out)                              |
| thinking block, thinking_delta, signature_delta   | ReasoningDelta, then ReasoningSealed with text and signature    |
| redacted_thinking block                           | ReasoningSealed alone                                           |
| tool_use block, input_json_delta                  | CallStarted, CallDelta                                          |
| server_tool_use, *_tool_result, any other block   | nothing: what the host's own tools found is in the text         |
| message_delta                                     | UsageReported                                                   |
| message_stop                                      | Finished, see `_REASONS`                                        |
| error, at any time                                | Failed                                                          |

The stream: https://docs.anthropic.com/en/api/messages-streaming. Compatible hosts leave out indexes, stops and ids;
what can be understood is. `feed` runs once for every delta, so it reads dicts directly.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from converters import errors, jsontext, sse
from converters.anthropic import thinking
from converters.anthropic.usage import Usage
from converters.dialect import AnthropicDialect
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
)
from converters.jsontext import Json
from converters.repeats import Repeats

_REASONS: dict[str, StopReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "pause",
    "refusal": "content_filter",
    "sensitive": "content_filter",  # Z.AI's word
}


@dataclass(slots=True)
class _Block:
    """A content block that has begun. `given` is the input of a tool_use whose start already holds it."""

    kind: str
    call_id: str = ""
    given: Json = field(default_factory=dict)
    has_arguments: bool = False
    thought: list[str] = field(default_factory=list)
    signature: str = ""


class Decoder:
    """One answer. `who` is how the user knows the provider."""

    def __init__(self, who: str, dialect: AnthropicDialect) -> None:
        self._who = who
        self._dialect = dialect
        self._upstream_id: str | None = None
        self._blocks: dict[int, _Block] = {}
        self._latest = -1
        self._call_ids: set[str] = set()
        self._usage = Usage()
        self._repeats = Repeats()
        self._stop_reason: str | None = None
        self._explanation = ""
        self._said_anything = False
        self._ended = False

    def feed(self, message: sse.Message) -> list[Event]:
        data = message.data
        if self._ended or not data.startswith(b"{"):
            return []  # after the end, `[DONE]`, or a gateway's sign of life
        if text := self._repeats.text_of(data):
            return self._text(text)
        try:
            said = jsontext.loads(data)
        except ValueError:
            return self._fail(Fault("cut", f"{self._who} sent a broken message"))
        kind = said.get("type") or message.event
        if kind == "content_block_delta":
            if self._repeats.learns:
                self._repeats.learn(data, "text" if _is_text(said) else "")
            return self._delta(said)
        return list(self._other(kind, said))

    def whole(self, body: Any) -> list[Event]:
        """The events of an answer that came as one message."""
        content = body.get("content") if isinstance(body, dict) else None
        if not isinstance(content, list):
            return self._fail(errors.from_stream(self._who, body))
        return [*self._message_start({"message": body}), *self._whole_content(content), *self._message_end(body)]

    def close(self) -> list[Event]:
        if self._ended:
            return []
        if self._stop_reason is None:
            return self._fail(Fault("cut", f"{self._who} closed the stream before its end"))
        return list(self._finish())

    # --- messages ---

    def _other(self, kind: str, said: Json) -> Iterator[Event]:
        match kind:
            case "message_start":
                yield from self._message_start(said)
            case "content_block_start":
                yield from self._block_start(said)
            case "content_block_stop":
                yield from self._block_stop(self._index(said, self._latest))
            case "message_delta":
                yield from self._message_delta(said)
            case "message_stop":
                yield from self._finish()
            case _ if kind == "error" or "error" in said:
                yield from self._fail(errors.from_stream(self._who, said.get("error") or said))

    def _message_start(self, said: Json) -> Iterator[Event]:
        message = said.get("message") or {}
        upstream_id = str(message.get("id") or "")
        if self._upstream_id is None:
            self._upstream_id = upstream_id
            yield Started(upstream_id, str(message.get("model") or ""))
            yield from self._usage.update(message.get("usage"))
        elif upstream_id != self._upstream_id:
            # A gateway asked again after it lost its upstream: the halves of two answers are no answer.
            yield from self._fail(Fault("cut", f"{self._who} began a second answer within the first"))

    def _message_delta(self, said: Json) -> Iterator[Event]:
        self._stopped(said.get("delta") or {})
        yield from self._usage.update(said.get("usage"))

    def _stopped(self, end: Json) -> None:
        """Notes why, from a message_delta's `delta` or a whole message."""
        self._stop_reason = end.get("stop_reason") or self._stop_reason
        details = end.get("stop_details") or {}
        self._explanation = str(details.get("explanation") or details.get("category") or "") or self._explanation

    def _finish(self) -> Iterator[Event]:
        for index in list(self._blocks):
            yield from self._block_stop(index)
        if self._stop_reason == "model_context_window_exceeded" and not self._said_anything:
            yield from self._fail(Fault("context_overflow", f"{self._who}: the conversation fills the context window"))
            return
        reason = _REASONS.get(self._stop_reason or "", "stop")
        if reason == "stop" and self._call_ids:
            reason = "tool_calls"  # compatible hosts say end_turn after calls
        self._ended = True
        yield Finished(reason, f"{self._who}: {self._explanation}" if self._explanation else "")

    def _fail(self, fault: Fault) -> list[Event]:
        self._ended = True
        return [Failed(fault)]

    # --- blocks ---

    def _block_start(self, said: Json) -> Iterator[Event]:
        yield from self._end_thinking()
        start = said.get("content_block") or {}
        self._latest = self._index(said, self._latest + 1)
        block = self._blocks[self._latest] = _Block(str(start.get("type")))
        match block.kind:
            case "text" if start.get("text"):
                yield from self._text(start["text"])
            case "thinking":
                block.signature = start.get("signature") or ""
                yield from self._thought(block, start.get("thinking"))
            case "redacted_thinking" if start.get("data"):
                yield ReasoningSealed(thinking.seal_redacted(start["data"], self._dialect))
            case "tool_use":
                self._said_anything = True
                block.call_id = self._call_id(start.get("id"))
                block.given = start.get("input") or {}
                yield CallStarted(block.call_id, str(start.get("name") or ""))

    def _delta(self, said: Json) -> list[Event]:
        delta = said.get("delta") or {}
        block = self._blocks.get(self._index(said, self._latest))
        match delta.get("type"):
            case "text_delta":
                return self._text(delta.get("text"))
            case "input_json_delta":
                return self._arguments(block, delta.get("partial_json"))
            case "thinking_delta":
                return self._thought(block or self._implied_thinking(said), delta.get("thinking"))
            case "signature_delta" if block:
                # Anthropic sends it whole; joining also suits a host that cuts it.
                block.signature += delta.get("signature") or ""
        return []

    def _index(self, said: Json, otherwise: int) -> int:
        index = said.get("index")
        return index if isinstance(index, int) else otherwise

    def _text(self, text: str | None) -> list[Event]:
        if not text:
            return []
        self._said_anything = True
        return [TextDelta(text)]

    def _thought(self, block: _Block, text: str | None) -> list[Event]:
        if not text:
            return []
        block.thought.append(text)
        return [ReasoningDelta(text)]

    def _arguments(self, block: _Block | None, piece: str | None) -> list[Event]:
        if block is None or not block.call_id or not piece:
            return []  # among them: the input of a tool that the host itself runs
        block.has_arguments = True
        return [CallDelta(block.call_id, piece)]

    def _implied_thinking(self, said: Json) -> _Block:
        """A block whose start never came."""
        self._latest = self._index(said, self._latest + 1)
        return self._blocks.setdefault(self._latest, _Block("thinking"))

    def _block_stop(self, index: int) -> Iterator[Event]:
        block = self._blocks.pop(index, None)
        if block is None:
            return
        if block.kind == "thinking":
            sealed = thinking.seal("".join(block.thought), block.signature, self._dialect)
            if sealed:
                yield ReasoningSealed(sealed)
        elif block.given and not block.has_arguments:
            yield CallDelta(block.call_id, jsontext.dumps(block.given).decode())

    def _end_thinking(self) -> Iterator[Event]:
        """A seal belongs right after its thinking, also where the block's stop never comes."""
        for index in [index for index, block in self._blocks.items() if block.kind == "thinking"]:
            yield from self._block_stop(index)

    def _call_id(self, wanted: str | None) -> str:
        call_id = wanted or ""
        if not call_id or call_id in self._call_ids:
            call_id = f"call_{len(self._call_ids)}_{self._upstream_id or ''}".rstrip("_")
        self._call_ids.add(call_id)
        return call_id

    # --- an answer in one piece ---

    def _whole_content(self, content: list[Json]) -> Iterator[Event]:
        for index, block in enumerate(content):
            yield from self._block_start({"index": index, "content_block": block})
            yield from self._block_stop(index)

    def _message_end(self, body: Json) -> Iterator[Event]:
        self._stopped(body)
        yield from self._finish()


def _is_text(said: Json) -> bool:
    """Whether a delta is one of text, and says by itself that it is a delta."""
    return bool(said.get("type")) and (said.get("delta") or {}).get("type") == "text_delta"
