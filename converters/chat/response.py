"""Chat Completions responses -> events.

| chunk or whole body                            | event                                                       |
|------------------------------------------------|-------------------------------------------------------------|
| id, model                                      | Started                                                     |
| reasoning_content, reasoning or reasoning_text | ReasoningDelta; the first that is there, never two          |
| reasoning_details                              | kept for the seal; ReasoningDelta where no plain text comes |
| content                                        | TextDelta; `<think>` at its start ReasoningDelta            |
| content as an array (Mistral)                  | thinking parts ReasoningDelta, text parts TextDelta         |
| refusal                                        | TextDelta                                                   |
| tool_calls, function_call                      | CallStarted, CallDelta (`chat.tool_calls`)                  |
| what goes back next turn                       | ReasoningSealed, before the text or call that follows it    |
| usage, in any place                            | UsageReported, once, at the end (`chat.usage`)              |
| finish_reason                                  | Finished, at [DONE] or the end: usage comes after it        |
| error in any form, an end without a finish     | Failed (`chat.finish_reason`)                               |

Choices after the first are left out: one was requested.
https://platform.openai.com/docs/api-reference/chat-streaming
"""

from typing import Any

from converters import errors, jsontext, seal, sse, surrogates
from converters.chat import finish_reason, reasoning_details, usage
from converters.chat.cumulative_text import CumulativeText
from converters.chat.dialect import ChatDialect
from converters.chat.think_tags import Piece, ThinkTags
from converters.chat.tool_calls import Calls
from converters.delta_template import DeltaTemplate
from converters.errors import Fault
from converters.events import (
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
from converters.lenient import Reader
from converters.losses import Losses

FAMILY = "chat"
"""The seals of this protocol: {"text"?, "details"?, "signatures"?} (`chat.reasoning` reads them)."""

_DONE = b"[DONE]"
_TEXTS = ("content", "reasoning_content", "reasoning")


class ChatDecoder:
    """One response; what cannot be read of it is noted in `losses`.

    Text is reported as it comes. What has to wait is kept: reasoning until what follows it shows that it is whole and
    can be sealed (`_unsealed_*`), half a tag (`_think`), the finish reason and the token counts until the end, since
    usage comes after the reason. `_id` is None until the first choice came; after `_ended` nothing is reported.
    """

    def __init__(self, provider_name: str, dialect: ChatDialect, losses: Losses | None = None) -> None:
        self._provider_name = provider_name
        self._read = Reader(Losses() if losses is None else losses)
        self._seals = dialect.reasoning_back != "none"
        self._seals_details = dialect.reasoning_back == "details"
        self._seals_signatures = dialect.call_signatures
        self._think = ThinkTags(opened=dialect.think_opened) if dialect.think_tags else None
        self._cumulative: dict[str, CumulativeText] | None = {} if dialect.cumulative else None
        self._id: str | None = None  # None before Started
        self._calls = Calls(self._read)
        self._template = DeltaTemplate()
        self._unsealed_text: list[str] = []
        self._unsealed_details: list[Json] = []
        self._plain_reasoning = False
        self._has_output = False
        self._finish_reason = ""
        self._usage: Json = {}
        self._noise = b""
        self._ended = False

    def feed(self, message: sse.Message) -> list[Event]:
        if self._ended:
            return []
        data = message.data
        if not message.event and (text := self._template.text_of(data)):
            return self._repeated(text)
        if data[:1] != b"{":
            return self._no_chunk(data)
        try:
            chunk = jsontext.loads_pieces(data)
        except ValueError:
            return self._fail(
                Fault("server", f"{self._provider_name} sent a chunk that is not JSON, or nested too deep")
            )
        events = self._chunk(chunk, named_error=message.event == "error")
        if self._template.learns and not message.event:
            self._template.learn(data, _only_text(chunk))
        return events

    def whole(self, body: Any) -> list[Event]:
        """A body that is no stream: the same events, but for the last, which `close` reports."""
        if self._ended:
            return []
        if not isinstance(body, dict) or not body.get("choices"):
            return self._fail(self._refusal(body))
        choices = [
            {**choice, "delta": choice.get("message")} for choice in self._read.tables(body["choices"], "choices")
        ]
        events = self._chunk({**body, "choices": choices})
        self._stop_without_reason()
        return events

    def close(self) -> list[Event]:
        """The end of the bytes: the output counts only if the upstream gave a reason why it stopped."""
        if self._ended:
            return []
        if not self._finish_reason:
            noise = errors.describe(self._noise) if self._noise else ""
            last_words = f"; its last words: {noise}" if noise else ""
            return self._fail(
                Fault("cut", f"{self._provider_name} closed the stream in the middle of the answer{last_words}")
            )
        return self._finish()

    # --- chunks ---

    def _repeated(self, text: str) -> list[Event]:
        events: list[Event] = []
        if self._template.key == "content":
            self._content(text, events)
        else:
            self._reasoning(text, None, events)
        return events

    def _chunk(self, chunk: Json, *, named_error: bool = False) -> list[Event]:
        self._usage = usage.find(chunk, self._read) or self._usage
        if fault := finish_reason.error_in(self._provider_name, chunk, self._read, named_error=named_error):
            return self._fail(fault)
        events: list[Event] = []
        for choice in self._read.tables(chunk.get("choices"), "choices"):
            if not (index := choice.get("index")) or not self._read.number(index, "choices[].index"):
                self._begin(chunk, events)
                self._choice(choice, events)
        return events

    def _no_chunk(self, data: bytes) -> list[Event]:
        """[DONE], a keep-alive, or a text that somebody's proxy wrote into the stream."""
        if data.strip() == _DONE:
            self._stop_without_reason()
            return self.close()
        self._noise = data.strip() or self._noise
        return []

    def _stop_without_reason(self) -> None:
        """An orderly end without a reason. Some hosts end so, and so do gateways that lost their upstream.

        The output counts; half a call must not, and a response without any output is a broken one.
        """
        if not self._ended and not self._finish_reason and self._has_output and self._calls.complete:
            self._finish_reason = "stop"

    def _begin(self, chunk: Json, events: list[Event]) -> None:
        if self._id is None:
            self._id = self._read.word(chunk.get("id"), "id")
            events.append(Started(self._id, self._read.word(chunk.get("model"), "model")))

    def _choice(self, choice: Json, events: list[Event]) -> None:
        delta = choice.get("delta")
        if isinstance(delta, dict):
            self._delta(delta, events)
        else:
            self._read.table(delta, "choices[0].delta")
        reason = choice.get("finish_reason")
        if reason or "error" in choice:
            reason = self._read.text(reason, "choices[0].finish_reason")
            self._finish_reason = self._finish_reason or reason
            if fault := finish_reason.broken(self._provider_name, choice, reason, self._read):
                events += self._fail(fault)

    def _delta(self, delta: Json, events: list[Event]) -> None:
        plain = delta.get("reasoning_content") or delta.get("reasoning") or delta.get("reasoning_text")
        pieces = delta.get("reasoning_details")
        if plain or pieces:
            self._reasoning(plain, pieces, events)
        content = delta.get("content")
        if isinstance(content, str):
            if content:
                self._content(content, events)
        elif isinstance(content, list):
            self._parts(content, events)
        else:
            self._read.text(content, "choices[0].delta.content")
        if refusal := delta.get("refusal"):
            self._text(self._read.text(refusal, "choices[0].delta.refusal"), events)
        if entries := delta.get("tool_calls"):
            self._call(self._calls.feed(entries, self._id or ""), events)
        if legacy := delta.get("function_call"):
            self._call(self._calls.legacy(legacy, self._id or ""), events)

    # --- output ---

    def _reasoning(self, plain: Any, pieces: Any, events: list[Event]) -> None:
        if pieces:
            pieces = self._read.tables(pieces, "choices[0].delta.reasoning_details")
            if self._seals_details:
                self._unsealed_details += pieces
            if not plain and not self._plain_reasoning:
                self._thinking(self._new("details", reasoning_details.text_of(pieces)), events)
        if plain := self._read.text(plain, "choices[0].delta.reasoning"):
            self._plain_reasoning = True
            self._thinking(self._new("reasoning", plain), events)

    def _content(self, content: str, events: list[Event]) -> None:
        if self._cumulative is not None:
            content = self._new("content", content)
        if self._think is None:
            self._text(content, events)
            return
        self._pieces(self._think.feed(content), events)
        if self._think.settled:
            self._think = None

    def _parts(self, parts: list[Any], events: list[Event]) -> None:
        for part in self._read.tables(parts, "choices[0].delta.content"):
            match part:
                case {"type": "thinking", "thinking": [*texts]}:
                    self._thinking(reasoning_details.text_of(texts), events)
                case {"type": "thinking", "thinking": text}:
                    self._thinking(self._read.text(text, "choices[0].delta.content[].thinking"), events)
                case {"text": text}:
                    self._text(self._read.text(text, "choices[0].delta.content[].text"), events)

    def _pieces(self, pieces: list[Piece], events: list[Event]) -> None:
        for kind, text in pieces:
            if kind == "text":
                self._text(text, events)
            else:
                self._thinking(text, events)

    def _thinking(self, text: str, events: list[Event]) -> None:
        if text:
            self._has_output = True
            if self._seals:
                self._unsealed_text.append(text)
            events.append(ReasoningDelta(text))

    def _text(self, text: str, events: list[Event]) -> None:
        if text:
            self._has_output = True
            if self._unsealed_text or self._unsealed_details:
                self._seal(events)
            events.append(TextDelta(text))

    def _call(self, call_events: list[Event], events: list[Event]) -> None:
        if any(isinstance(event, CallStarted) for event in call_events):
            self._has_output = True
            if self._think is not None:
                self._pieces(self._think.interrupt(), events)
            self._seal(events)
        events += call_events

    def _new(self, kind: str, text: str) -> str:
        """What is new in a text; all of it, but where each delta holds the whole text so far."""
        if self._cumulative is None:
            return text
        text, _ = surrogates.cut(text)  # the next one has the whole character
        return self._cumulative.setdefault(kind, CumulativeText()).new(text)

    # --- the end ---

    def _seal(self, events: list[Event]) -> None:
        payload: Json = {}
        if self._unsealed_details:
            payload["details"] = reasoning_details.merged(
                self._unsealed_details, cumulative=self._cumulative is not None
            )
        elif self._unsealed_text:
            payload["text"] = "".join(self._unsealed_text)
        if self._seals_signatures and self._calls.signatures:
            payload["signatures"] = self._calls.signatures
        self._unsealed_text, self._unsealed_details, self._calls.signatures = [], [], {}
        if payload:
            events.append(ReasoningSealed(seal.wrap(FAMILY, payload)))

    def _finish(self) -> list[Event]:
        events: list[Event] = []
        if self._think is not None:
            self._pieces(self._think.close(), events)
        events += self._calls.close()
        self._seal(events)
        counts = self._report(events)
        reason = finish_reason.stop_reason(self._finish_reason)
        if reason == "length" and not self._has_output and not (counts and counts.output_tokens):
            # Ollama and others: the prompt alone filled the window.
            return self._fail(
                Fault("context_overflow", f"{self._provider_name}: the prompt fills the model's context window")
            )
        if reason == "stop" and self._calls.any:
            reason = "tool_calls"
        self._ended = True
        return [*events, Finished(reason)]

    def _fail(self, fault: Fault) -> list[Event]:
        self._ended = True
        events: list[Event] = []
        self._report(events)
        return [*events, Failed(fault)]

    def _report(self, events: list[Event]) -> UsageReported | None:
        if not self._usage:
            return None
        counts = usage.report(self._usage, self._read)
        events.append(counts)
        return counts

    def _refusal(self, body: Any) -> Fault:
        known = finish_reason.error_in(self._provider_name, body, self._read) if isinstance(body, dict) else None
        return known or errors.from_stream(self._provider_name, body)


def _only_text(chunk: Json) -> str:
    """The one field that is set in a chunk's delta, if it is a text's and the chunk holds nothing else."""
    match chunk:
        case {"choices": [{"delta": {**delta}, **choice}], **rest}:
            filled = [key for key, value in delta.items() if value and key != "role"]
            known = not any(choice.values()) and not rest.get("usage")
            return filled[0] if known and len(filled) == 1 and filled[0] in _TEXTS else ""
        case _:
            return ""
