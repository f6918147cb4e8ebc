"""JSON schemas as Anthropic takes them."""

from converters.anthropic import tool_schema
from converters.losses import Losses

A = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
B = {"type": "object", "properties": {"b": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, "required": ["b"]}


def test_an_ordinary_schema_is_left_alone() -> None:
    losses = Losses()
    assert tool_schema.of_tool(B, "tools[0]", losses) is B
    assert losses == []


def test_alternatives_at_the_top_keep_their_properties_and_demand_none() -> None:
    losses = Losses()
    properties = {**B["properties"], **A["properties"]}  # type: ignore[dict-item]
    asked = {"type": "object", "properties": {}, "oneOf": [A, B]}
    assert tool_schema.of_tool(asked, "tools[0]", losses) == {"type": "object", "properties": properties}
    assert [loss.path for loss in losses] == ["tools[0]"]


def test_parts_of_a_whole_at_the_top_demand_what_each_demands() -> None:
    joined = tool_schema.of_tool({**A, "allOf": [A, B, True]}, "tools[0]", Losses())
    assert set(joined["properties"]) == {"a", "b"}
    assert joined["required"] == ["a", "b"]


def test_every_object_of_an_answer_is_closed() -> None:
    closed = tool_schema.of_answer({"type": "object", "properties": {"a": {"type": "array", "items": A}}})
    assert closed["additionalProperties"] is False
    assert closed["properties"]["a"]["items"]["additionalProperties"] is False
