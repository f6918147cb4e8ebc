"""JSON schemas as Anthropic takes them.

- A tool's input_schema has no oneOf, anyOf or allOf at its top ("input_schema does not support oneOf, allOf, or anyOf
  at the top level"). The properties of the branches are kept, in one object.
- In structured output every object says `additionalProperties: false`.
"""

from typing import Any

from converters.jsontext import Json
from converters.losses import Losses

_COMBINATORS = ("allOf", "anyOf", "oneOf")


def of_tool(schema: Json, path: str, losses: Losses) -> Json:
    """A tool's schema, `type: object`, without combinators at its top."""
    found = [name for name in _COMBINATORS if name in schema]
    if not found:
        return schema
    plain = {name: value for name, value in schema.items() if name not in _COMBINATORS}
    properties = dict(plain.get("properties") or {})
    required = list(plain.get("required") or [])
    for name in found:
        losses.note(path, f"{name} at the top of its schema", "Anthropic refuses it; the properties are kept")
        for branch in _objects(schema[name]):
            properties = {**(branch.get("properties") or {}), **properties}
            if name == "allOf":  # of the others, only one branch need hold
                required += [one for one in branch.get("required") or [] if one not in required]
    return {**plain, "type": "object", "properties": properties, **({"required": required} if required else {})}


def of_answer(schema: Any) -> Any:
    """A schema whose objects are all closed."""
    match schema:
        case dict():
            closed = {name: of_answer(value) for name, value in schema.items()}
            return {**closed, "additionalProperties": False} if closed.get("type") == "object" else closed
        case list():
            return [of_answer(one) for one in schema]
        case _:
            return schema


def _objects(branches: Any) -> list[Json]:
    return [branch for branch in branches if isinstance(branch, dict)] if isinstance(branches, list) else []
