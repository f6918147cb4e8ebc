"""How deep to think, as each chat host wants it.

| style            | on                                                | off                                           |
|------------------|---------------------------------------------------|-----------------------------------------------|
| reasoning_effort | reasoning_effort: high                            | reasoning_effort: none                        |
| reasoning        | reasoning: {effort: high} or {enabled: true}      | reasoning: {enabled: false}                   |
| thinking         | thinking: {type: enabled} (+ reasoning_effort)    | thinking: {type: disabled}                    |
| enable_thinking  | enable_thinking: true (+ reasoning_effort)        | enable_thinking: false                        |
| template         | chat_template_kwargs: {enable_thinking: true}     | the same, false                               |

A client that names no effort gets the host's default: nothing is sent, but for `thinking_options`.
"""

from converters.chat.dialect import ChatDialect
from converters.dialect import DEFAULT_EFFORTS, Effort, nearest_effort
from converters.jsontext import Json
from converters.losses import Losses


def is_off(requested: str | None, dialect: ChatDialect) -> bool:
    """Whether the client wants no thinking, and the model can do without."""
    if requested not in ("none", "minimal") or not dialect.thinking_off or dialect.effort == "none":
        return False
    if requested == "minimal":
        return not dialect.efforts
    return dialect.effort != "reasoning_effort" or not dialect.efforts or "none" in dialect.efforts


def fields(requested: str | None, dialect: ChatDialect, losses: Losses) -> Json:
    """The body's fields for the client's `reasoning.effort`; never two that contradict each other."""
    if requested is None:
        always_sent = dialect.effort == "thinking" and dialect.thinking_options
        return {"thinking": {"type": "enabled", **dialect.thinking_options}} if always_sent else {}
    if dialect.effort == "none":
        if requested not in DEFAULT_EFFORTS:
            losses.note("reasoning.effort", requested, "this upstream cannot be told how deep to think")
        return {}
    if is_off(requested, dialect):
        return _off(dialect)
    depth = _depth(requested, dialect)
    if depth is not None and depth != requested:
        losses.note("reasoning.effort", requested, f"the nearest that this upstream knows is {depth}")
    return _on(depth, dialect)


def _depth(requested: str, dialect: ChatDialect) -> Effort | None:
    """The depth to send; None where the upstream knows on and off only."""
    known = tuple(effort for effort in dialect.efforts if effort != "none")
    return nearest_effort(requested if requested != "none" else "minimal", known) if known else None


def _on(depth: Effort | None, dialect: ChatDialect) -> Json:
    deep: Json = {"reasoning_effort": depth} if depth else {}
    match dialect.effort:
        case "reasoning":
            return {"reasoning": {"effort": depth} if depth else {"enabled": True}}
        case "thinking":
            return {"thinking": {"type": "enabled", **dialect.thinking_options}, **deep}
        case "enable_thinking":
            return {"enable_thinking": True, **deep}
        case "template":
            return {"chat_template_kwargs": {"enable_thinking": True, **deep}}
        case "reasoning_effort" | "none":
            return deep


def _off(dialect: ChatDialect) -> Json:
    match dialect.effort:
        case "reasoning_effort":
            return {"reasoning_effort": "none"}
        case "reasoning":
            return {"reasoning": {"enabled": False}}
        case "thinking":
            return {"thinking": {"type": "disabled"}}
        case "enable_thinking":
            return {"enable_thinking": False}
        case "template":
            return {"chat_template_kwargs": {"enable_thinking": False}}
        case "none":  # there is no field for it
            return {}
