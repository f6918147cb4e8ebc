"""A tool's schema whose root holds anyOf, oneOf or allOf, for upstreams that refuse these there."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from converters.jsontext import Json
from converters.losses import Losses

UNIONS = ("allOf", "anyOf", "oneOf")


def without(schema: Json, path: str, losses: Losses) -> Json:
    """A tool's schema, `type: object`, without unions at its root; the very same object where there are none."""
    found = [name for name in UNIONS if name in schema]
    if not found:
        return schema
    for name in found:
        losses.note(path, f"{name} at the top of its schema", "this upstream refuses it; the properties are kept")
    return {**joined(schema), "type": "object"}


def joined(schema: Json) -> Json:
    """The root's branches as one object: every property may be given; required is what all branches demand."""
    merged = {name: value for name, value in schema.items() if name not in UNIONS}
    properties = dict(_properties(merged))
    required = dict.fromkeys(_required(merged))
    for union in UNIONS:
        branches = list(_branches(schema.get(union)))
        demands = Counter(name for branch in branches for name in dict.fromkeys(_required(branch)))
        enough = 1 if union == "allOf" else len(branches)  # of the others, only one branch need hold
        required |= dict.fromkeys(name for name, count in demands.items() if count >= enough)
        for branch in branches:
            for name, element in _properties(branch).items():
                properties.setdefault(name, element)
    merged["properties"] = properties
    merged["required"] = list(required)
    if not required:
        del merged["required"]
    return merged


def _branches(union: Any) -> Iterator[Json]:
    yield from (element for element in union if isinstance(element, dict)) if isinstance(union, list) else ()


def _properties(schema: Json) -> Json:
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def _required(schema: Json) -> Iterator[str]:
    found = schema.get("required")
    yield from (element for element in found if isinstance(element, str)) if isinstance(found, list) else ()
