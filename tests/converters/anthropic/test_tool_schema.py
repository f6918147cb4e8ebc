"""JSON schemas as Anthropic takes them."""

from converters.anthropic import tool_schema

A = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


def test_every_object_of_an_answer_is_closed() -> None:
    closed = tool_schema.closed({"type": "object", "properties": {"a": {"type": "array", "items": A}}})
    assert closed["additionalProperties"] is False
    assert closed["properties"]["a"]["items"]["additionalProperties"] is False
