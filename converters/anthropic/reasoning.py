"""Earlier thinking, on its way back to the model that thought it.

Thinking goes back unmodified, signature included, sealed into the reasoning item's `encrypted_content`:
https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking#preserving-thinking-blocks
"""

from collections.abc import Iterator
from typing import Any

from converters import seal as seals
from converters.anthropic.dialect import AnthropicDialect
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import wire

_FAMILY = "anthropic"


def seal(text: str, signature: str, dialect: AnthropicDialect) -> str | None:
    """A thinking block for its way through the client; None where the upstream would not take it back."""
    if not signature and not (text and dialect.unsigned_thinking):
        return None
    return seals.wrap(_FAMILY, {"from": dialect.signature_family, "thinking": text, "signature": signature})


def seal_redacted(data: str, dialect: AnthropicDialect) -> str:
    return seals.wrap(_FAMILY, {"from": dialect.signature_family, "redacted": data})


def blocks(items: list[wire.ReasoningItem], path: str, dialect: AnthropicDialect, losses: Losses) -> Iterator[Json]:
    """The thinking blocks of one step, in order, as they came; what the upstream would refuse is a loss."""
    for item in items:
        block = _block(item, dialect)
        if block is not None:
            yield block
        elif item.encrypted_content or text_of(item):
            losses.note(path, "reasoning", "this upstream takes back only thinking of its own")


def _block(item: wire.ReasoningItem, dialect: AnthropicDialect) -> Json | None:
    match seals.unwrap(_FAMILY, item.encrypted_content):
        case {"from": family, "redacted": str(data)} if family == dialect.signature_family:
            return {"type": "redacted_thinking", "data": data}
        case {"from": family, "thinking": str(text), "signature": str(signature)} if (
            family == dialect.signature_family and (signature or dialect.unsigned_thinking)
        ):
            return _thinking(text, signature)
    return _thinking(text, "") if dialect.unsigned_thinking and (text := text_of(item)) else None


def _thinking(text: str, signature: str) -> Json:
    return {"type": "thinking", "thinking": text, "signature": signature}


def text_of(item: wire.ReasoningItem) -> str:
    """What a client can read of some reasoning: the thinking itself, else its summary."""
    parts: list[Any] = item.content or item.summary or []
    return "\n\n".join(part.text for part in parts if isinstance(part, wire.TextPart) and part.text)
