"""A request's items, regrouped into what every other protocol demands of a conversation.

Codex's history is a flat list: reasoning, texts, calls and outputs as they came, with messages in between. Elsewhere
one assistant message holds all that the model did in one step, and the outputs of all its calls follow at once. So:

- what a model did in one step (reasoning, texts, calls) becomes one `Step`, and each call holds its own output;
- a message that stands between a call and its output comes after the outputs, nothing is lost;
- a call without an output is marked so; an output without a call becomes a user's message;
- what only a Responses upstream understands is listed as a loss;
- what the client left with OpenAI instead of sending it is refused: the model would not know it.

Paths are JSON paths into the client's body.
"""

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from converters import jsontext, seal
from converters.errors import RequestError
from converters.losses import Losses
from converters.responses import wire
from converters.tools.unique_names import UniqueNames


@dataclass(slots=True)
class InputMessage:
    """A message of the user or the developer; `parts` is never empty."""

    role: Literal["user", "developer"]
    parts: list[wire.Part]
    path: str


@dataclass(slots=True)
class Call:
    """A call and its output. `id` is unique in the history (some models count their ids from 0 in every turn)."""

    id: str
    item: wire.CallItem
    path: str
    output: wire.AnyOutputItem | None = None
    output_path: str = ""


@dataclass(slots=True)
class Step:
    """What the model did between two inputs; at least one of the three is there."""

    reasoning: list[wire.ReasoningItem] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    path: str = ""


type Turn = InputMessage | Step


@dataclass(slots=True)
class Conversation:
    """`instructions` are the texts before the first turn, in order; later ones stand among the turns."""

    instructions: list[str]
    turns: list[Turn]


_STORED = ("previous_response_id", "conversation", "prompt")


def conversation(request: wire.Request, losses: Losses) -> Conversation:
    """
    Raises:
        RequestError: a part of the conversation is stored elsewhere.
    """
    _refuse_stored(request)
    instructions = [request.instructions] if request.instructions else []
    turns: list[Turn] = []
    for turn in _turns(request.input, losses):
        if not turns and isinstance(turn, InputMessage) and turn.role == "developer":
            instructions += [text for part in turn.parts if (text := _only_text(part, turn.path, losses))]
        else:
            turns.append(turn)
    return Conversation(instructions, turns)


def _refuse_stored(request: wire.Request) -> None:
    for key in _STORED:
        if request.raw.get(key):
            raise RequestError("nothing is stored here: send the whole conversation", param=key)
    for index, item in enumerate(request.input):
        if item.type == "item_reference":
            message = "nothing is stored here: send the item itself, as clients do with `store: false`"
            raise RequestError(message, param=f"input[{index}]")


def parts_of(content: object) -> list[wire.Part]:
    """The parts of a message's content or a tool's output, whatever its form; empty texts are left out."""
    match content:
        case None:
            return []
        case str():
            return [wire.TextPart(type="input_text", text=content)] if content else []
        case list():
            return [part for part in content if not (isinstance(part, wire.TextPart) and not part.text)]
        case _:
            return [wire.TextPart(type="input_text", text=jsontext.dumps(content).decode())]


def as_developer(parts: list[wire.Part]) -> list[wire.Part]:
    """A developer's message, marked as such: where a protocol has no other place for it in mid-conversation."""
    texts = [part.text for part in parts if isinstance(part, wire.TextPart)]
    if len(texts) < len(parts):
        return [_text(_DEVELOPER_START), *parts, _text(_DEVELOPER_END)]
    text = "\n\n".join(texts)
    return [_text(f"{_DEVELOPER_START}\n{text}\n{_DEVELOPER_END}")] if text.strip() else []


_DEVELOPER_START, _DEVELOPER_END = "<developer_message>", "</developer_message>"


def _turns(items: list[wire.Item], losses: Losses) -> Iterator[Turn]:
    outputs, paired_outputs = _pair(items)
    ids = UniqueNames("_")
    step: Step | None = None
    step_has_output = False  # an output of this step has been passed: the model's next item is a new step
    for index, item in enumerate(items):
        path = f"input[{index}]"
        if isinstance(item, wire.OutputItem | wire.ToolSearchOutputItem) and index in paired_outputs:
            step_has_output = True
            continue
        if _is_step_item(item):
            if step is None or step_has_output:
                if step:
                    yield step
                step, step_has_output = Step(path=path), False
            _add(step, item, path, outputs.get(index), items, ids, losses)
            continue
        message = _message(item, path, losses)
        if message is None:
            continue
        if step:
            yield step
            step, step_has_output = None, False
        yield message
    if step:
        yield step


def _pair(items: list[wire.Item]) -> tuple[dict[int, int], set[int]]:
    """call's index -> its output's index, and the outputs so taken.

    Ids may repeat: the first open call wins, but one that was interrupted before the user spoke waits no longer once
    its id comes again.
    """
    waiting: dict[str, deque[int]] = defaultdict(deque)
    outputs: dict[int, int] = {}
    last_user_message = -1  # where the user last spoke
    for index, item in enumerate(items):
        match item:
            case wire.MessageItem(role="user"):
                last_user_message = index
            case wire.FunctionCallItem() | wire.CustomCallItem() | wire.ToolSearchCallItem():
                same = waiting[item.call_id or ""]
                while same and same[0] < last_user_message:
                    same.popleft()
                same.append(index)
            case wire.OutputItem() | wire.ToolSearchOutputItem() if waiting.get(item.call_id or ""):
                outputs[waiting[item.call_id or ""].popleft()] = index
    return outputs, set(outputs.values())


def _is_step_item(item: wire.Item) -> bool:
    match item:
        case wire.MessageItem(role="assistant"):
            return bool(parts_of(item.content))
        case wire.ReasoningItem() | wire.FunctionCallItem() | wire.CustomCallItem() | wire.ToolSearchCallItem():
            return True
        case _:
            return False


def _add(
    step: Step,
    item: wire.Item,
    path: str,
    output: int | None,
    items: list[wire.Item],
    ids: UniqueNames,
    losses: Losses,
) -> None:
    match item:
        case wire.ReasoningItem():
            step.reasoning.append(item)
        case wire.MessageItem():
            step.texts += [text for part in parts_of(item.content) if (text := _only_text(part, path, losses))]
        case wire.FunctionCallItem() | wire.CustomCallItem() | wire.ToolSearchCallItem():
            call = Call(ids.give(item.call_id or f"call_{path}"), item, path)
            if output is not None:
                found = items[output]
                assert isinstance(found, wire.OutputItem | wire.ToolSearchOutputItem)
                call.output, call.output_path = found, f"input[{output}]"
            step.calls.append(call)


def _only_text(part: wire.Part, path: str, losses: Losses) -> str:
    match part:
        case wire.TextPart(text=text) | wire.RefusalPart(refusal=text):
            return text
        case _:
            losses.note(path, part.type, "assistants and instructions are text upstream")
            return ""


def _message(item: wire.Item, path: str, losses: Losses) -> InputMessage | None:
    """A message-like item as the upstream gets it; None where nothing is left (a loss is noted) or it is no message."""
    match item:
        case wire.MessageItem(role="assistant"):
            return None
        case wire.MessageItem():
            parts = parts_of(item.content)
            return InputMessage("user" if item.role == "user" else "developer", parts, path) if parts else None
        case wire.AgentMessageItem():
            return InputMessage("user", _agent_parts(item), path)
        case wire.OutputItem():
            note = _text(f"[Output of the earlier tool call {item.call_id}, whose request is no longer in the history]")
            return InputMessage("user", [note, *parts_of(item.output)], path)
        case wire.CompactionItem():
            return _summary(item, path, losses)
        case wire.AdditionalToolsItem() | wire.ToolSearchOutputItem() | wire.CompactionTriggerItem():
            return None
        case _:
            losses.note(path, str(item.type), "only a Responses upstream understands this item")
            return None


def _text(text: str) -> wire.TextPart:
    return wire.TextPart(type="input_text", text=text)


def _agent_parts(item: wire.AgentMessageItem) -> list[wire.Part]:
    head = _text(f"[Message from agent {item.author or '?'} to {item.recipient or '?'}]")
    body = [
        _text(part.encrypted_content) if isinstance(part, wire.EncryptedPart) else part
        for part in parts_of(item.content)
    ]
    return [head, *body]


SUMMARY_FAMILY = "summary"
SUMMARY_PREFIX = (
    "Another language model started to solve this problem and produced a summary of its work. "
    "Build on what it has done and do not repeat it. The summary:\n\n"
)


def _summary(item: wire.CompactionItem, path: str, losses: Losses) -> InputMessage | None:
    summary = seal.unwrap(SUMMARY_FAMILY, item.encrypted_content)
    if not isinstance(summary, str):
        losses.note(path, item.type, "another provider encrypted this summary")
        return InputMessage(
            "user", [_text("[An earlier part of this conversation was compacted by another provider.]")], path
        )
    return InputMessage("user", [_text(SUMMARY_PREFIX + summary)], path)
