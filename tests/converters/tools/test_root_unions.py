"""A schema's branches at its root, as one object."""

from typing import Any

import pytest

from converters.jsontext import Json
from converters.losses import Losses
from converters.tools import root_unions


def test_every_property_may_be_given_and_what_all_demand_must_be() -> None:
    schema: Json = {
        "description": "A thing.",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "oneOf": [
            {"properties": {"a": {"type": "null"}, "b": {}}, "required": ["b", "c"]},
            {"properties": {"c": {}}, "required": ["c"]},
        ],
        "allOf": [{"required": ["d"]}, True],
    }
    assert root_unions.joined(schema) == {
        "description": "A thing.",
        "properties": {"a": {"type": "string"}, "b": {}, "c": {}},
        "required": ["a", "d", "c"],
    }


@pytest.mark.parametrize("wrong", [None, 7, "x", [], {}, [7], [[]], [{"properties": 7, "required": [[]]}], {"a": 1}])
def test_what_has_not_the_form_of_a_schema_is_left_out(wrong: Any) -> None:
    schema = {"anyOf": wrong, "oneOf": wrong, "allOf": wrong, "properties": wrong, "required": wrong}
    joined = root_unions.joined(schema)
    assert isinstance(joined["properties"], dict)
    assert all(isinstance(name, str) for name in joined.get("required", []))


def test_thousands_of_branches_are_joined_one_by_one() -> None:
    """Each was once joined with a copy of all before it."""
    branches = [{"properties": {f"p{n}": {}}, "required": [f"p{n}", "all"]} for n in range(20_000)]
    joined = root_unions.joined({"anyOf": branches})
    assert len(joined["properties"]) == 20_000
    assert joined["required"] == ["all"]


# --- a tool's schema for an upstream that refuses unions at the root ---

A = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
B = {"type": "object", "properties": {"b": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, "required": ["b"]}


def test_an_ordinary_schema_is_left_alone() -> None:
    losses = Losses()
    assert root_unions.without(B, "tools[0]", losses) is B
    assert losses == []


def test_alternatives_at_the_top_keep_their_properties_and_demand_none() -> None:
    losses = Losses()
    properties = {**B["properties"], **A["properties"]}  # type: ignore[dict-item]
    result = {"type": "object", "properties": {}, "oneOf": [A, B]}
    assert root_unions.without(result, "tools[0]", losses) == {"type": "object", "properties": properties}
    assert [loss.path for loss in losses] == ["tools[0]"]


def test_parts_of_a_whole_at_the_top_demand_what_each_demands() -> None:
    joined = root_unions.without({**A, "allOf": [A, B, True]}, "tools[0]", Losses())
    assert set(joined["properties"]) == {"a", "b"}
    assert joined["required"] == ["a", "b"]
