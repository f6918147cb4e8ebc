"""JSON schemas as Anthropic takes them: in structured output every object has `additionalProperties: false`."""

from typing import Any


def closed(schema: Any) -> Any:
    """A schema whose objects are all closed."""
    match schema:
        case dict():
            inner = {name: closed(value) for name, value in schema.items()}
            return {**inner, "additionalProperties": False} if inner.get("type") == "object" else inner
        case list():
            return [closed(value) for value in schema]
        case _:
            return schema
