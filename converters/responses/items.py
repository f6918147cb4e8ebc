"""The items of a response as they grow, and the events that each writes to the stream.

| item             | opens with         | grows by                      | ends with                          |
|------------------|--------------------|-------------------------------|------------------------------------|
| message          | item, content_part | output_text.delta             | output_text, content_part, item    |
| reasoning        | item, summary_part | reasoning_summary_text.delta  | summary_text, summary_part, item   |
| function_call    | item               | function_call_arguments.delta | function_call_arguments, item      |
| custom_tool_call | item               | nothing, lifted at its end    | custom_tool_call_input, item       |
| tool_search_call | item               | nothing, lifted at its end    | item                               |

Thinking is a summary, not `reasoning_text`: every client shows summaries. An item that never ends is not released: it
stands in the terminal event's output alone, as incomplete.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from io import StringIO
from typing import ClassVar, Literal

from converters import seal, surrogates, tools
from converters.jsontext import Json
from converters.responses.lifecycle import Stream
from converters.tools import Function, Kind

type Status = Literal["in_progress", "completed", "incomplete"]


class ItemBuilder(ABC):
    """`index` is the item's place in the output. Half a character at the end of a piece waits for its other half."""

    prefix: ClassVar[str]

    def __init__(self, stream: Stream, tail: str, index: int) -> None:
        self._stream = stream
        self._index = index
        self._text = StringIO()  # takes a tenth of the memory of a list of deltas
        self._half_character = ""
        self._final: Json | None = None
        self.id = f"{self.prefix}_{tail}_{index}"
        self._place: Json = {"item_id": self.id, "output_index": index}

    def open(self) -> None:
        self._write_item("added", self._body("in_progress"))

    def add(self, text: str) -> None:
        """Adds one more piece."""
        if self._half_character or (not text.isascii() and surrogates.find_half(text)):
            text, self._half_character = surrogates.cut(self._half_character + text)
        if text:
            self._grow(text)

    @abstractmethod
    def _grow(self, text: str) -> None: ...

    def end(self, status: Status = "completed") -> None:
        if self._half_character:
            self._half_character = ""
            self._grow("\ufffd")
        self._close(status)
        self._final = self._body(status)
        self._write_item("done", self._final)

    def _write_item(self, step: Literal["added", "done"], body: Json) -> None:
        self._stream.write(f"response.output_item.{step}", {"output_index": self._index}, item=body)

    @property
    def ended(self) -> bool:
        return self._final is not None

    def final(self) -> Json:
        """The item in the terminal event's output."""
        return self._final or self._body("incomplete")

    @abstractmethod
    def _body(self, status: Status) -> Json: ...

    @abstractmethod
    def _close(self, status: Status) -> None:
        """Writes what comes before output_item.done."""


class MessageBuilder(ItemBuilder):
    prefix = "msg"

    def __init__(self, stream: Stream, tail: str, index: int) -> None:
        super().__init__(stream, tail, index)
        self._place["content_index"] = 0
        self._text_place: Json = {**self._place, "logprobs": []}

    @cached_property
    def _write_delta(self) -> Callable[[str], None]:
        return self._stream.delta_writer("response.output_text.delta", self._text_place)

    def open(self) -> None:
        super().open()
        self._stream.write("response.content_part.added", self._place, part=_output_text(""))

    def _grow(self, text: str) -> None:
        self._text.write(text)
        self._write_delta(text)

    def _close(self, status: Status) -> None:
        text = self._text.getvalue()
        self._stream.write("response.output_text.done", self._text_place, text=text)
        self._stream.write("response.content_part.done", self._place, part=_output_text(text))

    def _body(self, status: Status) -> Json:
        content = [_output_text(self._text.getvalue())] if self._text.tell() else []
        return {"type": "message", "id": self.id, "status": status, "role": "assistant", "content": content}


def _output_text(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


class ReasoningBuilder(ItemBuilder):
    """`seal` is set before the end, where the upstream gave one. Without any thinking there is no summary part."""

    prefix = "rs"

    def __init__(self, stream: Stream, tail: str, index: int) -> None:
        super().__init__(stream, tail, index)
        self._place["summary_index"] = 0
        self.seal: str | None = None

    @cached_property
    def _write_delta(self) -> Callable[[str], None]:
        return self._stream.delta_writer("response.reasoning_summary_text.delta", self._place)

    def _grow(self, text: str) -> None:
        if not self._text.tell():
            self._stream.write("response.reasoning_summary_part.added", self._place, part=_summary_text(""))
        self._text.write(text)
        self._write_delta(text)

    def _close(self, status: Status) -> None:
        if not self._text.tell():
            return
        text = self._text.getvalue()
        self._stream.write("response.reasoning_summary_text.done", self._place, text=text)
        self._stream.write("response.reasoning_summary_part.done", self._place, part=_summary_text(text))

    def _body(self, status: Status) -> Json:
        summary = [_summary_text(self._text.getvalue())] if self._text.tell() else []
        sealed = {} if status == "in_progress" else {"encrypted_content": self.seal or seal.OPEN}
        return {"type": "reasoning", "id": self.id, "status": status, "summary": summary, **sealed}


def _summary_text(text: str) -> Json:
    return {"type": "summary_text", "text": text}


class CallBuilder(ItemBuilder):
    """`function` is None where the model named no tool that was offered; Codex replies that there is none."""

    def __init__(
        self, stream: Stream, tail: str, index: int, function: Function | None, name: str, call_id: str
    ) -> None:
        super().__init__(stream, tail, index)
        self._function, self._name, self._call_id = function, name, call_id

    def _grow(self, text: str) -> None:
        self._text.write(text)

    def _lifted_call(self) -> Json:
        return tools.lift(self._function, self._name, self._call_id, self._text.getvalue())

    def _body(self, status: Status) -> Json:
        so_far = {} if status == "completed" else self._so_far()
        return {**self._lifted_call(), **so_far, "id": self.id, "status": status}

    @abstractmethod
    def _so_far(self) -> Json:
        """What was streamed of a call that has not ended."""


class FunctionCallBuilder(CallBuilder):
    prefix = "fc"

    @cached_property
    def _write_delta(self) -> Callable[[str], None]:
        return self._stream.delta_writer("response.function_call_arguments.delta", self._place)

    def _grow(self, text: str) -> None:
        self._text.write(text)
        self._write_delta(text)

    def _close(self, status: Status) -> None:
        if not self._text.getvalue().strip():
            self.add("{}")  # Codex refuses empty arguments
        arguments = self._lifted_call()["arguments"]
        self._stream.write("response.function_call_arguments.done", self._place, arguments=arguments)

    def _so_far(self) -> Json:
        return {"arguments": self._text.getvalue()}


class CustomCallBuilder(CallBuilder):
    prefix = "ctc"

    def _close(self, status: Status) -> None:
        text = self._lifted_call()["input"]
        if text:
            self._stream.write("response.custom_tool_call_input.delta", self._place, delta=text)
        self._stream.write("response.custom_tool_call_input.done", self._place, input=text)

    def _so_far(self) -> Json:
        return {"input": ""}

    def _body(self, status: Status) -> Json:
        body = super()._body(status)
        if status != "incomplete":
            del body["status"]  # the published custom call has none; only an unfinished call must have it
        return body


class SearchCallBuilder(CallBuilder):
    prefix = "tsc"

    def _close(self, status: Status) -> None:
        pass

    def _so_far(self) -> Json:
        return {"arguments": {}}


CALL_BUILDERS: dict[Kind, type[CallBuilder]] = {
    "function": FunctionCallBuilder,
    "custom": CustomCallBuilder,
    "tool_search": SearchCallBuilder,
}
