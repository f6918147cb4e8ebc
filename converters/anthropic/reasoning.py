"""How deep a model thinks, and how its thinking goes back to it.

| Codex asks for           | budget                 | adaptive                           | enabled              |
|--------------------------|------------------------|------------------------------------|----------------------|
| an effort                | enabled, budget_tokens | adaptive, output_config.effort     | enabled (+ effort)   |
| a summary, but no effort | as for medium          | adaptive                           | enabled              |
| effort none              | disabled, or the least | disabled, or only the least effort | disabled, or enabled |
| nothing                  | nothing                | nothing                            | nothing              |

Thinking goes back unmodified, signature included, sealed into the reasoning item's `encrypted_content`:
https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking#preserving-thinking-blocks
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from converters import seal as seals
from converters.dialect import EFFORTS, UNTOLD, AnthropicDialect, Effort, nearest_effort
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import wire

_FAMILY = "anthropic"

_BUDGETS: dict[Effort, int] = {
    "minimal": 1024,
    "low": 4096,
    "medium": 8192,
    "high": 16384,
    "xhigh": 24576,
    "max": 32000,
}
_LEAST_BUDGET = 1024  # Anthropic refuses less
_ROOM = 4096  # tokens kept free for the answer: the budget counts towards max_tokens


# --- how deep ---


@dataclass(frozen=True, slots=True)
class Plan:
    """What a request says of thinking: the `thinking` field and `output_config.effort`; None: not sent."""

    field: Json | None = None
    effort: Effort | None = None

    @property
    def on(self) -> bool:
        return self.field is not None and self.field["type"] != "disabled"


def plan(reasoning: wire.Reasoning | None, dialect: AnthropicDialect, max_tokens: int, losses: Losses) -> Plan:
    asked = _asked(reasoning)
    if dialect.thinking == "none" or reasoning is None or (asked is None and reasoning.summary in (None, "none")):
        if asked is not None and asked not in UNTOLD:
            losses.note("reasoning.effort", str(asked), "the model has no switch for thinking")
        return Plan()
    if asked == "none":
        return _off(dialect, losses)
    effort = _effort(asked, dialect, losses)
    match dialect.thinking:
        case "budget":
            return Plan(_budget(asked or "medium", max_tokens, losses), effort)
        case "adaptive":
            display = {"display": "summarized"} if dialect.thinking_display else {}
            return Plan({"type": "adaptive", **display}, effort)
        case "enabled":
            return Plan({"type": "enabled"}, effort)


def _asked(reasoning: wire.Reasoning | None) -> str | None:
    return reasoning.effort if reasoning else None


def _budget(asked: str, max_tokens: int, losses: Losses) -> Json | None:
    """Thinking within the limit, the answer's share kept free; None where the limit leaves no room for any."""
    wanted = _BUDGETS[nearest_effort(asked, tuple(_BUDGETS))]
    budget = min(wanted, max_tokens - min(_ROOM, max_tokens // 2))
    if budget < _LEAST_BUDGET:
        losses.note("max_output_tokens", "thinking", f"{max_tokens} tokens leave no room for it")
        return None
    return {"type": "enabled", "budget_tokens": budget}


def _effort(asked: str | None, dialect: AnthropicDialect, losses: Losses) -> Effort | None:
    if not asked or not dialect.efforts:
        return None
    effort = nearest_effort(asked, dialect.efforts)
    if effort != asked:
        losses.note("reasoning.effort", asked, f"the nearest that this upstream knows is {effort}")
    return effort


def _off(dialect: AnthropicDialect, losses: Losses) -> Plan:
    """No thinking, or as little as the model lets us ask for."""
    if dialect.thinking_off:
        return Plan({"type": "disabled"})
    losses.note("reasoning.effort", "none", "this model always thinks")
    least = min(dialect.efforts, key=EFFORTS.index) if dialect.efforts else None
    match dialect.thinking:
        case "budget":
            return Plan({"type": "enabled", "budget_tokens": _LEAST_BUDGET}, least)
        case "enabled":
            return Plan({"type": "enabled"}, least)
        case _:
            return Plan(None, least)


def without(thoughtful: Plan) -> Plan:
    """The same depth of answer, but no thinking before it."""
    return replace(thoughtful, field={"type": "disabled"})


def is_heard(thoughtful: Plan, dialect: AnthropicDialect) -> bool:
    """Whether earlier thinking is of use in this request: where it is switched off, the blocks only cost."""
    if dialect.thinking in ("none", "budget"):
        return thoughtful.on
    return thoughtful.field is None or thoughtful.on


# --- back again ---


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
