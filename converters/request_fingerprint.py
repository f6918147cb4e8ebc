"""What matters of a Responses request, so that a recorded one is known again when it is sent anew.

| part of the request                            | in the fingerprint                                   |
|------------------------------------------------|------------------------------------------------------|
| model, tools                                   | names; those of a namespace with its name before     |
| a message of the user or the model             | role and text, `[image]` and the like for the rest   |
| a call, an output                              | the tool's name                                      |
| an item of another kind                        | its kind                                             |
| instructions, messages of developer and system | nothing: a client's own prompts change with versions |
| Codex's words in the user's name               | nothing: folder, date, AGENTS.md, skills             |
| reasoning                                      | nothing: what was thought came from the upstream     |
| ids, arguments, tools' outputs, all settings   | nothing: they differ from run to run                 |
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff
from typing import Self

from converters.jsontext import Json
from converters.responses import wire

_CONTEXT = re.compile(r"<(\w+)>.*</\1>|<environment_context>.*|# AGENTS\.md instructions.*", re.DOTALL)
"""What Codex writes in the user's name: blocks such as `<environment_context>`."""

_SPACE = re.compile(r"\s+")
_LONGEST_LINE = 120

type Fold = Callable[[str], str]
"""Makes one text of texts that mean the same."""


def _as_it_is(text: str) -> str:
    return text


@dataclass(frozen=True)
class RequestFingerprint:
    """`items` has a line for each item that matters, in order."""

    model: str
    tools: frozenset[str]
    items: tuple[str, ...]

    @classmethod
    def of(cls, raw: Json, fold: Fold = _as_it_is) -> Self:
        """The fingerprint of a loaded request; `fold` is applied to the messages' texts.

        Raises:
            RequestError: the request has not the form of one.
        """
        request = wire.read(raw)
        return cls(request.model, frozenset(_names(request.tools or [])), tuple(_lines(request.input, fold)))

    def likeness(self, other: Self) -> float:
        """From 0, nothing in common, to 1, the same. The conversation counts most."""
        items = SequenceMatcher(None, self.items, other.items, autojunk=False).ratio()
        words = SequenceMatcher(None, _words(self), _words(other), autojunk=False).ratio()
        either = self.tools | other.tools
        tools = len(self.tools & other.tools) / len(either) if either else 1.0
        return (4 * items + 2 * words + tools + (self.model == other.model)) / 8

    def differences(self, request: Self) -> list[str]:
        """How another request differs from this recorded one, a line each; [] if in nothing that matters."""
        lines = [] if self.model == request.model else [f"model: {request.model}, recorded {self.model}"]
        if missing := sorted(self.tools - request.tools):
            lines.append(f"tools: without {', '.join(missing)}")
        if new := sorted(request.tools - self.tools):
            lines.append(f"tools: with {', '.join(new)}, which the recorded request lacks")
        hunks = list(unified_diff(self.items, request.items, "recorded", "asked", n=0, lineterm=""))[2:]
        return lines + [f"items: {_shortened(line)}" for line in hunks if not line.startswith("@@")]


def _names(tools: Iterable[wire.Tool]) -> Iterator[str]:
    for tool in tools:
        match tool:
            case wire.NamespaceTool():
                yield from (f"{tool.name}.{name}" for name in _names(tool.tools))
            case wire.FunctionTool() | wire.CustomTool():
                yield tool.name
            case _:
                yield tool.type


def _lines(items: Iterable[wire.Item], fold: Fold) -> Iterator[str]:
    called: dict[str, str] = {}
    for item in items:
        match item:
            case wire.MessageItem(role="user" | "assistant"):
                if text := "\n".join(line for line in map(fold, _texts(item.content)) if not _CONTEXT.fullmatch(line)):
                    yield f"{item.role}: {text}"
            case wire.MessageItem() | wire.ReasoningItem():
                pass
            case wire.FunctionCallItem() | wire.CustomCallItem():
                called[item.call_id] = item.name
                yield f"call of {item.name}"
            case wire.OutputItem():
                yield f"output of {called.get(item.call_id, 'an unknown call')}"
            case _:
                yield item.type


def _texts(content: wire.Content | None) -> Iterator[str]:
    parts: list[wire.Part] = [wire.TextPart(type="text", text=content)] if isinstance(content, str) else content or []
    for part in parts:
        text = part.text if isinstance(part, wire.TextPart) else f"[{part.type.removeprefix('input_')}]"
        if text := text.strip():
            yield text


def _words(fingerprint: RequestFingerprint) -> list[str]:
    return [word for line in fingerprint.items for word in line[:2000].split()]


def _shortened(line: str) -> str:
    line = _SPACE.sub(" ", line)
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}..."
