"""A conversation's turns as Anthropic's messages.

| turn                                | message                                                                       |
|-------------------------------------|-------------------------------------------------------------------------------|
| the user's message                  | user: its blocks                                                              |
| a later developer message           | user: its text, marked, in its place (moving it would change the prefix)      |
| a step of the model                 | assistant: thinking, then texts, then tool_use                                |
| the outputs of a step's calls       | user: one tool_result a call, before anything else of the user                |

Anthropic demands that user and assistant take turns, the user first and last, and each tool_use's result in the
very next message. Blank text is refused. https://docs.anthropic.com/en/api/messages
"""

import re
from dataclasses import dataclass, field

from converters import tools
from converters.anthropic import content, reasoning
from converters.anthropic.dialect import AnthropicDialect
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import wire
from converters.responses.history import Call, InputMessage, Step, Turn, as_developer, parts_of
from converters.tools.unique_names import UniqueNames

NO_OUTPUT = "[No output: the call was interrupted.]"
_BEGIN = "[The conversation begins with the assistant.]"
_GO_ON = "Continue."


@dataclass(slots=True)
class MessagesWriter:
    """Writes the messages of one request. `with_thinking` False leaves all thinking blocks out."""

    dialect: AnthropicDialect
    losses: Losses
    with_thinking: bool
    _messages: list[Json] = field(default_factory=list)
    _ids: UniqueNames = field(default_factory=lambda: UniqueNames("-"))

    def write(self, turns: list[Turn]) -> list[Json]:
        for turn in turns:
            match turn:
                case InputMessage():
                    self._say("user", self._message(turn))
                case Step() if turn.calls or any(text.strip() for text in turn.texts):
                    self._step(turn)
                case Step():
                    # Thinking that led to nothing: no message may consist of it, nor end with it.
                    pass
        if not self._messages or self._messages[-1]["role"] == "assistant":
            self._say("user", [content.text(_GO_ON)])
        for message in self._messages:
            if message["role"] == "assistant":  # of several steps, where no message stands between them
                message["content"].sort(key=_after_thinking)
        return self._messages

    def _say(self, role: str, blocks: list[Json]) -> None:
        if not blocks:
            return
        if not self._messages and role == "assistant":
            self._messages.append({"role": "user", "content": [content.text(_BEGIN)]})
        if self._messages and self._messages[-1]["role"] == role:
            self._messages[-1]["content"] += blocks
        else:
            self._messages.append({"role": role, "content": blocks})

    def _message(self, message: InputMessage) -> list[Json]:
        parts = as_developer(message.parts) if message.role == "developer" else message.parts
        return content.blocks(parts, message.path, self.dialect, self.losses)

    def _step(self, step: Step) -> None:
        thoughts: list[Json] = []
        if self.with_thinking:
            thoughts = list(reasoning.blocks(step.reasoning, step.path, self.dialect, self.losses))
        texts = [content.text(text) for text in step.texts if text.strip()]
        ids = [self._id(call.id) for call in step.calls]
        uses = [_tool_use(call, id_) for call, id_ in zip(step.calls, ids, strict=True)]
        self._say("assistant", [*thoughts, *texts, *uses])
        self._say("user", [self._result(call, id_) for call, id_ in zip(step.calls, ids, strict=True)])

    def _id(self, wanted: str) -> str:
        """An id of the characters that Anthropic takes, unique in the request and the same in every turn."""
        return self._ids.give(re.sub(r"[^a-zA-Z0-9_-]", "_", wanted) or "call")

    def _result(self, call: Call, id_: str) -> Json:
        block: Json = {"type": "tool_result", "tool_use_id": id_, "content": self._output(call)}
        return {**block, "id": id_} if self.dialect.result_ids else block

    def _output(self, call: Call) -> str | list[Json]:
        match call.output:
            case None:
                return NO_OUTPUT
            case wire.ToolSearchOutputItem(tools=found):
                names = ", ".join(tools.callable_names(found))
                return f"Found and loaded: {names}" if names else "No tools found."
            case wire.OutputItem(output=output):
                return _plain(content.blocks(parts_of(output), call.output_path, self.dialect, self.losses))


_THINKING = ("thinking", "redacted_thinking")


def _after_thinking(block: Json) -> bool:
    return block["type"] not in _THINKING


def unthought_loop(messages: list[Json]) -> bool:
    """Whether the tool loop that is under way began with no thinking: thinking cannot be on then.

    A model that thinks within a budget thinks before the first call of its turn, and Anthropic demands that block back:
    "Expected `thinking` or `redacted_thinking`, but found `tool_use`".
    """
    first: Json | None = None
    for message in messages:
        if message["role"] == "assistant":
            first = first or message
        elif message["content"][0]["type"] != "tool_result":
            first = None
    return first is not None and _after_thinking(first["content"][0])


def _tool_use(call: Call, id_: str) -> Json:
    name, arguments = tools.lower_call(call.item)
    return {"type": "tool_use", "id": id_, "name": name, "input": tools.parse_object(arguments)}


def _plain(blocks: list[Json]) -> str | list[Json]:
    """A tool's output in the form that every host takes: text as a string, nothing as "" (Z.AI refuses [])."""
    match blocks:
        case []:
            return ""
        case [{"type": "text", "text": str(words)}]:
            return words
        case _:
            return blocks
