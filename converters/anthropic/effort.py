"""How deep a model thinks.

| Codex sends              | budget                 | adaptive                           | enabled              |
|--------------------------|------------------------|------------------------------------|----------------------|
| an effort                | enabled, budget_tokens | adaptive, output_config.effort     | enabled (+ effort)   |
| a summary, but no effort | as for medium          | adaptive                           | enabled              |
| effort none              | disabled, or the least | disabled, or only the least effort | disabled, or enabled |
| nothing                  | nothing                | nothing                            | nothing              |
"""

from dataclasses import dataclass, replace

from converters.anthropic.dialect import AnthropicDialect
from converters.dialect import DEFAULT_EFFORTS, EFFORTS, Effort, nearest_effort
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import wire

_BUDGETS: dict[Effort, int] = {
    "minimal": 1024,
    "low": 4096,
    "medium": 8192,
    "high": 16384,
    "xhigh": 24576,
    "max": 32000,
}
_LEAST_BUDGET = 1024  # Anthropic refuses less
_ROOM = 4096  # tokens kept free for the response: the budget counts towards max_tokens


@dataclass(frozen=True, slots=True)
class ThinkingPlan:
    """What a request sends about thinking, made once for it by `plan`.

    `field` is the body's `thinking`, `effort` its `output_config.effort`; None: not sent, so that the model does what
    it does by default. A plan is replaced, never changed, when the rest of the request leaves thinking no room: a
    forced tool, or a tool loop that began without (see `request.py`).
    """

    field: Json | None = None
    effort: Effort | None = None

    @property
    def on(self) -> bool:
        return self.field is not None and self.field["type"] != "disabled"


def plan(
    reasoning: wire.ReasoningSettings | None, dialect: AnthropicDialect, max_tokens: int, losses: Losses
) -> ThinkingPlan:
    """The plan for what a client requests, in the dialect's mode (the columns of the table above).

    Who requests nothing gets the model's default. A client that wants a summary wants thinking, though it names no
    effort. What is requested and cannot be had is a loss; the nearest is taken.
    """
    requested = reasoning.effort if reasoning else None
    if dialect.thinking == "none" or reasoning is None or (requested is None and reasoning.summary in (None, "none")):
        if requested is not None and requested not in DEFAULT_EFFORTS:
            losses.note("reasoning.effort", str(requested), "the model has no switch for thinking")
        return ThinkingPlan()
    if requested == "none":
        return _off(dialect, losses)
    effort = _effort(requested, dialect, losses)
    match dialect.thinking:
        case "budget":
            return ThinkingPlan(_budget(requested or "medium", max_tokens, losses), effort)
        case "adaptive":
            display = {"display": "summarized"} if dialect.thinking_display else {}
            return ThinkingPlan({"type": "adaptive", **display}, effort)
        case "enabled":
            return ThinkingPlan({"type": "enabled"}, effort)


def _budget(requested: str, max_tokens: int, losses: Losses) -> Json | None:
    """Thinking within the limit, the response's share kept free; None where the limit leaves no room for any."""
    wanted = _BUDGETS[nearest_effort(requested, tuple(_BUDGETS))]
    budget = min(wanted, max_tokens - min(_ROOM, max_tokens // 2))
    if budget < _LEAST_BUDGET:
        losses.note("max_output_tokens", "thinking", f"{max_tokens} tokens leave no room for it")
        return None
    return {"type": "enabled", "budget_tokens": budget}


def _effort(requested: str | None, dialect: AnthropicDialect, losses: Losses) -> Effort | None:
    if not requested or not dialect.efforts:
        if requested and dialect.thinking != "budget" and requested not in DEFAULT_EFFORTS:
            losses.note("reasoning.effort", requested, "this upstream cannot be told how deep to think")
        return None
    effort = nearest_effort(requested, dialect.efforts)
    if effort != requested:
        losses.note("reasoning.effort", requested, f"the nearest that this upstream knows is {effort}")
    return effort


def _off(dialect: AnthropicDialect, losses: Losses) -> ThinkingPlan:
    """No thinking, or as little as the model allows."""
    if dialect.thinking_off:
        return ThinkingPlan({"type": "disabled"})
    losses.note("reasoning.effort", "none", "this model always thinks")
    least = min(dialect.efforts, key=EFFORTS.index) if dialect.efforts else None
    match dialect.thinking:
        case "budget":
            return ThinkingPlan({"type": "enabled", "budget_tokens": _LEAST_BUDGET}, least)
        case "enabled":
            return ThinkingPlan({"type": "enabled"}, least)
        case _:
            return ThinkingPlan(None, least)


def without_thinking(plan: ThinkingPlan) -> ThinkingPlan:
    """The same depth of response, but no thinking before it."""
    return replace(plan, field={"type": "disabled"})


def takes_thinking_back(plan: ThinkingPlan, dialect: AnthropicDialect) -> bool:
    """Whether earlier thinking is of use in this request: where it is switched off, the blocks only cost."""
    if dialect.thinking in ("none", "budget"):
        return plan.on
    return plan.field is None or plan.on
