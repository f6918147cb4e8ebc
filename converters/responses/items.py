"""The items of an answer as they grow, and what each says of itself in the stream.

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


class Item(ABC):
    """`index` is the item's place in the output. Half a character at the end of a piece waits for its other half."""

    prefix: ClassVar[str]

    def __init__(self, stream: Stream, tail: str, index: int) -> None:
        self._stream = stream
        self._index = index
        self._said = StringIO()  # takes a tenth of the memory of a list of deltas
        self._half = ""
        self._final: Json | None = None
        self.id = f"{self.prefix}_{tail}_{index}"
        self._place: Json = {"item_id": self.id, "output_index": index}

    def open(self) -> None:
        self._say_item("added", self._body("in_progress"))

    def add(self, text: str) -> None:
        """Says one more piece."""
        if self._half or (not text.isascii() and surrogates.find_half(text)):
            text, self._half = surrogates.cut(self._half + text)
        if text:
            self._grow(text)

    @abstractmethod
    def _grow(self, text: str) -> None: ...

    def end(self, status: Status = "completed") -> None:
        if self._half:
            self._half = ""
            self._grow("\ufffd")
        self._close(status)
        self._final = self._body(status)
        self._say_item("done", self._final)

    def _say_item(self, step: Literal["added", "done"], body: Json) -> None:
        self._stream.say(f"response.output_item.{step}", {"output_index": self._index}, item=body)

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
        """Says what comes before output_item.done."""


class Message(Item):
    prefix = "msg"

    def __init__(self, stream: Stream, tail: str, index: int) -> None:
        super().__init__(stream, tail, index)
        self._place["content_index"] = 0
        self._text_place: Json = {**self._place, "logprobs": []}

    @cached_property
    def _delta(self) -> Callable[[str], None]:
        return self._stream.deltas("response.output_text.delta", self._text_place)

    def open(self) -> None:
        super().open()
        self._stream.say("response.content_part.added", self._place, part=_output_text(""))

    def _grow(self, text: str) -> None:
        self._said.write(text)
        self._delta(text)

    def _close(self, status: Status) -> None:
        text = self._said.getvalue()
        self._stream.say("response.output_text.done", self._text_place, text=text)
        self._stream.say("response.content_part.done", self._place, part=_output_text(text))

    def _body(self, status: Status) -> Json:
        content = [_output_text(self._said.getvalue())] if self._said.tell() else []
        return {"type": "message", "id": self.id, "status": status, "role": "assistant", "content": content}


def _output_text(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


class Reasoning(Item):
    """`seal` is set before the end, where the upstream gave one. Without any thinking there is no summary part."""

    prefix = "rs"

    def __init__(self, stream: Stream, tail: str, index: int) -> None:
        super().__init__(stream, tail, index)
        self._place["summary_index"] = 0
        self.seal: str | None = None

    @cached_property
    def _delta(self) -> Callable[[str], None]:
        return self._stream.deltas("response.reasoning_summary_text.delta", self._place)

    def _grow(self, text: str) -> None:
        if not self._said.tell():
            self._stream.say("response.reasoning_summary_part.added", self._place, part=_summary_text(""))
        self._said.write(text)
        self._delta(text)

    def _close(self, status: Status) -> None:
        if not self._said.tell():
            return
        text = self._said.getvalue()
        self._stream.say("response.reasoning_summary_text.done", self._place, text=text)
        self._stream.say("response.reasoning_summary_part.done", self._place, part=_summary_text(text))

    def _body(self, status: Status) -> Json:
        summary = [_summary_text(self._said.getvalue())] if self._said.tell() else []
        sealed = {} if status == "in_progress" else {"encrypted_content": self.seal or seal.OPEN}
        return {"type": "reasoning", "id": self.id, "status": status, "summary": summary, **sealed}


def _summary_text(text: str) -> Json:
    return {"type": "summary_text", "text": text}


class Call(Item):
    """`function` is None where the model named no tool that was offered; Codex tells it so."""

    def __init__(
        self, stream: Stream, tail: str, index: int, function: Function | None, name: str, call_id: str
    ) -> None:
        super().__init__(stream, tail, index)
        self._function, self._name, self._call_id = function, name, call_id

    def _grow(self, text: str) -> None:
        self._said.write(text)

    def _lifted(self) -> Json:
        return tools.lift(self._function, self._name, self._call_id, self._said.getvalue())

    def _body(self, status: Status) -> Json:
        said = {} if status == "completed" else self._so_far()
        return {**self._lifted(), **said, "id": self.id, "status": status}

    @abstractmethod
    def _so_far(self) -> Json:
        """What was streamed of a call that has not ended."""


class FunctionCall(Call):
    prefix = "fc"

    @cached_property
    def _delta(self) -> Callable[[str], None]:
        return self._stream.deltas("response.function_call_arguments.delta", self._place)

    def _grow(self, text: str) -> None:
        self._said.write(text)
        self._delta(text)

    def _close(self, status: Status) -> None:
        if not self._said.getvalue().strip():
            self.add("{}")  # Codex refuses empty arguments
        arguments = self._lifted()["arguments"]
        self._stream.say("response.function_call_arguments.done", self._place, arguments=arguments)

    def _so_far(self) -> Json:
        return {"arguments": self._said.getvalue()}


class CustomCall(Call):
    prefix = "ctc"

    def _close(self, status: Status) -> None:
        text = self._lifted()["input"]
        if text:
            self._stream.say("response.custom_tool_call_input.delta", self._place, delta=text)
        self._stream.say("response.custom_tool_call_input.done", self._place, input=text)

    def _so_far(self) -> Json:
        return {"input": ""}

    def _body(self, status: Status) -> Json:
        body = super()._body(status)
        if status != "incomplete":
            del body["status"]  # the published custom call has none; only an unfinished one must say so
        return body


class SearchCall(Call):
    prefix = "tsc"

    def _close(self, status: Status) -> None:
        pass

    def _so_far(self) -> Json:
        return {"arguments": {}}


CALLS: dict[Kind, type[Call]] = {"function": FunctionCall, "custom": CustomCall, "tool_search": SearchCall}
