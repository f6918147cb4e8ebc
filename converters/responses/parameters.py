"""A request's fields beside the conversation that no other protocol has."""

from typing import Any

from converters.jsontext import Json
from converters.losses import Losses

_DEFAULTS: dict[str, tuple[Any, ...]] = {
    "service_tier": ("auto", "default"),
    "truncation": ("disabled",),
    "background": (False,),
    "top_logprobs": (0,),
    "max_tool_calls": (),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
}
"""field -> the values that change nothing."""


def note_lost(raw: Json, losses: Losses) -> None:
    """Lists fields that would change the response, unless they ask for the default anyway."""
    for name, defaults in _DEFAULTS.items():
        value = raw.get(name)
        if value is not None and value not in defaults:
            losses.note(name, str(value), "upstreams of other protocols are not asked for it")
