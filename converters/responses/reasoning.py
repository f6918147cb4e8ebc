"""A request without earlier thinking, for another try after an upstream refused it.

What a model thought goes back signed or encrypted, and is good for the account, key or model that made it: when one of
these changes in mid-thread, the upstream responds with 400 from then on. Without it the model thinks anew.
"""

from typing import Any

from converters.jsontext import Json
from converters.losses import Losses


def stripped(raw: Json, losses: Losses) -> Json:
    """The request without reasoning items, and without ids: OpenAI misses the reasoning that belongs to an id.

    Compactions stay: a thread that lost its history in silence is worse than one that fails with a reason.
    """
    if not isinstance(raw.get("input"), list):
        return raw
    kept = [_without_id(item) for item in raw["input"] if not _is_reasoning(item)]
    losses.note("input", "all earlier thinking", "the upstream refused it as not its own")
    return {**raw, "input": kept}


def _is_reasoning(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") == "reasoning"


def _without_id(item: Any) -> Any:
    return {key: value for key, value in item.items() if key != "id"} if isinstance(item, dict) else item
