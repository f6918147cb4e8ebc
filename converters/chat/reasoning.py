"""Earlier thinking, on its way back to the model that thought it (`ChatDialect.reasoning_back`).

What goes back is taken from this protocol's own seals, or from a reasoning item's own text where nothing is encrypted.
What another protocol's model thought is left out: hosts that check the text refuse it. Several reasoning items of one
step are one thinking again.
"""

from dataclasses import dataclass, field

from converters import seal
from converters.chat import reasoning_details
from converters.chat.dialect import ChatDialect
from converters.chat.response import FAMILY
from converters.jsontext import Json
from converters.responses import wire
from converters.responses.history import Step, parts_of

_LOST = {"exact": "", "calls": "."}
"""What stands for thinking whose text is lost: DeepSeek takes nothing made up, Kimi nothing empty."""


@dataclass(slots=True)
class Thinking:
    """What a step's reasoning items hold; `signatures` by the call's id as the model's response had it."""

    text: str = ""
    details: list[Json] = field(default_factory=list)
    signatures: Json = field(default_factory=dict)


def recall(step: Step) -> Thinking:
    found = Thinking()
    for item in step.reasoning:
        payload = seal.unwrap(FAMILY, item.encrypted_content)
        if isinstance(payload, dict):
            _open(payload, found)
        elif item.encrypted_content in (None, "", seal.OPEN):
            found.text += _own_text(item)
    found.details = reasoning_details.merged(found.details)
    return found


def _open(payload: Json, found: Thinking) -> None:
    """Anybody can write a seal: what has not the form that ours have is left out."""
    pieces = payload.get("details")
    if isinstance(pieces, list):
        found.details += pieces
    match payload.get("text"):
        case str(text) if text:
            found.text += text
        case _ if isinstance(pieces, list):
            found.text += reasoning_details.text_of(pieces)
    if isinstance(signatures := payload.get("signatures"), dict):
        found.signatures |= signatures


def _own_text(item: wire.ReasoningItem) -> str:
    parts = parts_of(item.content) or parts_of(item.summary)
    return "\n".join(part.text for part in parts if isinstance(part, wire.TextPart))


def put_back(message: Json, thinking: Thinking, dialect: ChatDialect, renamed: dict[str, str]) -> None:
    """Puts thinking on an assistant message; `renamed` has the ids that calls now have, by the ids they had."""
    text = thinking.text
    match dialect.reasoning_back:
        case "none":
            pass
        case "text" if text:
            message[dialect.reasoning_field] = text
        case "exact":
            message[dialect.reasoning_field] = text or _LOST["exact"]
        case "calls" if text or "tool_calls" in message:
            message[dialect.reasoning_field] = text or _LOST["calls"]
        case "details":
            message |= _details(thinking, renamed)
        case "parts" if text:
            content = message["content"]
            texts = [{"type": "text", "text": content}] if content else []
            message["content"] = [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}, *texts]
        case "think" if text:
            message["content"] = f"<think>{text}</think>\n\n{message['content'] or ''}"


def _details(thinking: Thinking, renamed: dict[str, str]) -> Json:
    pieces = [_renamed(piece, renamed) for piece in thinking.details if not reasoning_details.is_unsigned_claude(piece)]
    if pieces:
        return {"reasoning_details": pieces}
    return {"reasoning": thinking.text} if thinking.text and not thinking.details else {}


def _renamed(piece: Json, renamed: dict[str, str]) -> Json:
    """Encrypted details name the call that they belong to."""
    match piece.get("id"):
        case str(known) if known in renamed:
            return {**piece, "id": renamed[known]}
        case _:
            return piece
