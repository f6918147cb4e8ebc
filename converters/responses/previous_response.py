"""A request without `previous_response_id`, for another try after an upstream said that it knows no such response.

That loses nothing only where the client sends its whole history all the same. Where it sends what is new, the model
would answer without what came before, and nobody would know: then the client reads the refusal.
"""

from converters.jsontext import Json
from converters.losses import Losses

_KEY = "previous_response_id"


def stripped(raw: Json, losses: Losses) -> Json:
    """The request without the id."""
    if _KEY not in raw:
        return raw
    losses.note(_KEY, "the response before", "the upstream does not know it; the whole history went in its place")
    return {key: value for key, value in raw.items() if key != _KEY}


def stands_alone(raw: Json) -> bool:
    """Whether the input of a request that has a previous response is the whole history.

    It begins with the user, holds what a model said or called, and each output has its call before it. What is new
    alone holds nothing of a model's: that is in the response before.
    """
    items = raw.get("input")
    if not raw.get(_KEY) or not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return False
    turns = [item for item in items if _is_of_a_turn(item)]
    if not turns or turns[0].get("role") != "user" or any(_type(item) == "item_reference" for item in turns):
        return False
    return any(map(_is_a_models, turns)) and not _has_orphans(turns)


def _is_of_a_turn(item: Json) -> bool:
    return item.get("role") not in ("developer", "system") and _type(item) != "additional_tools"


def _is_a_models(item: Json) -> bool:
    return item.get("role") == "assistant" or _type(item).endswith("_call")


def _has_orphans(items: list[Json]) -> bool:
    calls: set[str] = set()
    for item in items:
        if _type(item).endswith("_call"):
            calls.add(str(item.get("call_id")))
        elif _type(item).endswith("_output") and str(item.get("call_id")) not in calls:
            return True
    return False


def _type(item: Json) -> str:
    return str(item.get("type", "message"))
