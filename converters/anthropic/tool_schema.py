"""JSON schemas as Anthropic takes them.

- A tool's input_schema has no oneOf, anyOf or allOf at its top ("input_schema does not support oneOf, allOf, or anyOf
  at the top level"). The properties of the branches are kept, in one object.
- In structured output every object says `additionalProperties: false`.
"""

from typing import Any

from converters.jsontext import Json
from converters.losses import Losses
from converters.tools import root_unions


def of_tool(schema: Json, path: str, losses: Losses) -> Json:
    """A tool's schema, `type: object`, without combinators at its top."""
    found = [name for name in root_unions.UNIONS if name in schema]
    if not found:
        return schema
    for name in found:
        losses.note(path, f"{name} at the top of its schema", "Anthropic refuses it; the properties are kept")
    return {**root_unions.joined(schema), "type": "object"}


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
