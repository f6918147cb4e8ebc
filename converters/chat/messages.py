"""A conversation as chat messages.

| conversation                         | messages                                                                     |
|--------------------------------------|------------------------------------------------------------------------------|
| instructions before the first turn   | one message, `instructions_role`                                             |
| later instructions                   | by `late_instructions`                                                       |
| user message                         | user                                                                         |
| step: reasoning, texts, calls        | one assistant message                                                        |
| each call's output                   | a tool message each, directly after, in the order of the calls               |
| images in outputs                    | one user message after all of the step's tool messages                       |
| call without output                  | a tool message in its place                                                  |
| the end is the model's message       | a user message: go on                                                        |
"""

from converters import tools
from converters.chat import reasoning
from converters.chat.call_ids import CallIds
from converters.chat.content import Contents
from converters.chat.dialect import ChatDialect
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import wire
from converters.responses.history import Call, Conversation, InputMessage, Step, as_developer, parts_of

_NO_OUTPUT = "[no output: the call was interrupted]"
_EMPTY_OUTPUT = "(no output)"
_BRIDGE = "Understood."
_GO_ON = "Go on from where you stopped."
_BEGIN = "Begin."
_IMAGES = "[The images of the tool outputs above, in their order]"


def messages(
    conversation: Conversation, dialect: ChatDialect, losses: Losses, *, thinks: bool, notes: str
) -> list[Json]:
    """All messages of a request. `thinks`: thinking is not switched off; `notes` are added to the instructions."""
    builder = _Messages(dialect, losses, thinks)
    for turn in conversation.turns:
        match turn:
            case Step():
                builder.step(turn)
            case InputMessage(role="developer"):
                builder.late_instructions(turn)
            case InputMessage():
                builder.user(builder.contents.user(turn.parts, turn.path))
    builder.end()
    first = "\n\n".join([*conversation.instructions, *builder.merged, *([notes] if notes else [])])
    head: list[Json] = [{"role": dialect.instructions_role, "content": first}] if first else []
    return head + builder.messages


class _Messages:
    def __init__(self, dialect: ChatDialect, losses: Losses, thinks: bool) -> None:
        self.messages: list[Json] = []
        self.merged: list[str] = []  # instructions that move up into the first message
        self.contents = Contents(dialect, losses)
        self._dialect = dialect
        self._losses = losses
        self._thinks = thinks
        self._ids = CallIds(dialect)

    def user(self, content: str | list[Json]) -> None:
        if self._dialect.bridge_after_tool and self.messages and self.messages[-1]["role"] == "tool":
            self.messages.append({"role": "assistant", "content": _BRIDGE})
        self.messages.append({"role": "user", "content": content})

    def late_instructions(self, turn: InputMessage) -> None:
        match self._dialect.late_instructions:
            case "merge":
                self.merged.append(self.contents.words(turn.parts, turn.path))
            case "keep":
                content = self.contents.words(turn.parts, turn.path)
                self.messages.append({"role": self._dialect.instructions_role, "content": content})
            case "user":
                self.user(self.contents.user(as_developer(turn.parts), turn.path))

    def step(self, step: Step) -> None:
        message = self._assistant(step)
        if message is None:
            return
        self.messages.append(message)
        images: list[Json] = []
        for call, sent in zip(step.calls, message.get("tool_calls") or (), strict=True):
            images += self._output(call, sent)
        if images:
            self.user([{"type": "text", "text": _IMAGES}, *images])

    def end(self) -> None:
        """A model responds to a user or a tool: not to itself, and not to nobody."""
        if not self.messages:
            self.user(_BEGIN)
        elif self.messages[-1]["role"] == "assistant":
            self.user(_GO_ON)

    def _assistant(self, step: Step) -> Json | None:
        thinking = reasoning.recall(step)
        calls = [self._call(call, thinking) for call in step.calls]
        message: Json = {"role": "assistant", "content": "\n\n".join(step.texts)}
        if calls:
            message["tool_calls"] = calls
            if not step.texts:
                message["content"] = None if self._dialect.empty_content == "null" else ""
        elif not step.texts:
            # Thinking that led to nothing, of a turn that was interrupted: no host takes such a message.
            return None
        if self._thinks:
            renamed = {
                call.item.call_id: sent["id"] for call, sent in zip(step.calls, calls, strict=True) if call.item.call_id
            }
            reasoning.put_back(message, thinking, self._dialect, renamed)
        return message

    def _call(self, call: Call, thinking: reasoning.Thinking) -> Json:
        name, arguments = tools.lower_call(call.item)
        sent: Json = {
            "id": self._ids.give(call, name),
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }
        signature = thinking.signatures.get(call.item.call_id or "")
        if signature and self._dialect.call_signatures:
            sent["extra_content"] = signature
        return sent

    def _output(self, call: Call, sent: Json) -> list[Json]:
        """Adds the call's tool message; what it cannot hold is handed back."""
        images: list[Json] = []
        match call.output:
            case None:
                text = _NO_OUTPUT
            case wire.ToolSearchOutputItem(tools=found):
                text = _found(found)
            case wire.OutputItem(output=output):
                text, images = self.contents.tool(parts_of(output), call.output_path)
        message: Json = {"role": "tool", "tool_call_id": sent["id"], "content": text or _EMPTY_OUTPUT}
        if self._dialect.result_names:
            message["name"] = sent["function"]["name"]
        self.messages.append(message)
        return images


def _found(found: list[wire.Tool]) -> str:
    """What a tool search found; the tools themselves are offered with this request."""
    names = list(tools.callable_names(found))
    return "Found tools, now available: " + ", ".join(names) if names else "No tools found."
