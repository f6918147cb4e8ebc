"""The headers of an upstream's response that a client acts on, whoever converts its body.

Not `openai-model`: where it differs from the requested model, Codex warns its user of abuse.
"""

from addons.exchange.exchange import Attempt

TURN_STATE = "x-codex-turn-state"

_NAMES = {"x-models-etag", "x-request-id", "x-reasoning-included", "openai-processing-ms"}
_FAMILIES = ("x-codex-", "x-ratelimit-")


def for_client(attempt: Attempt) -> dict[str, str]:
    response = attempt.flow.response
    found = {name.lower(): value for name, value in (response.headers.items() if response else ())}
    passing = {name: value for name, value in found.items() if name in _NAMES or name.startswith(_FAMILIES)}
    prefix = attempt.plan.turn_state_prefix if attempt.plan else ""
    if not prefix:
        return passing
    own = passing.pop(TURN_STATE, "")
    return passing if attempt.fault else passing | {TURN_STATE: prefix + own}
