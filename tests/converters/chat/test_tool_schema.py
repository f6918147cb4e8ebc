"""Tool schemas for hosts that know only a part of JSON Schema."""

from typing import Any

import pytest

from converters.chat import tool_schema
from converters.chat.dialect import ChatDialect
from converters.jsontext import Json
from converters.losses import Losses


def fit(properties: Any, kind: Any = "no_const", **root: Any) -> Any:
    parameters = {"type": "object", "properties": properties, **root}
    return of_tool(parameters, ChatDialect(schema_subset=kind))["properties"]


def of_tool(parameters: Json, dialect: ChatDialect) -> Json:
    return tool_schema.of_tool(parameters, dialect, "tools[0]", Losses())


def test_a_host_that_knows_all_gets_all() -> None:
    parameters: Json = {"type": "object", "properties": {"x": {"const": 1}}, "anyOf": [{"required": ["x"]}]}
    assert of_tool(parameters, ChatDialect()) is parameters


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"const": "a"}, {"enum": ["a"], "type": "string"}),
        ({"const": None}, {"enum": [None], "type": "null"}),
        ({"const": True}, {"enum": [True], "type": "boolean"}),
        ({"enum": ["a", 1]}, {"enum": ["a", 1]}),
        ({"enum": [1, 2], "type": "number"}, {"enum": [1, 2], "type": "number"}),
        ({"type": "integer", "minimum": 1, "maximum": 9}, {"type": "integer"}),
        ({"type": "string", "pattern": "^a", "maxLength": 3}, {"type": "string"}),
        (
            {"type": "array", "items": {"const": 1}, "minItems": 1},
            {"type": "array", "items": {"enum": [1], "type": "integer"}},
        ),
        ({"anyOf": [{"const": "a"}, True]}, {"anyOf": [{"enum": ["a"], "type": "string"}, True]}),
        (
            {"type": "object", "additionalProperties": {"pattern": "a", "type": "string"}},
            {"type": "object", "additionalProperties": {"type": "string"}},
        ),
    ],
)
def test_const_becomes_enum_and_validators_go(before: Json, after: Json) -> None:
    assert fit({"x": before}) == {"x": after}


def test_a_property_named_like_a_keyword_stays() -> None:
    named = {"pattern": {"type": "string"}, "const": {"type": "string"}, "minimum": {"type": "integer"}}
    assert fit(named) == named


def test_local_references_are_resolved() -> None:
    point = {"type": "object", "properties": {"x": {"type": "integer", "minimum": 0}}}
    result = fit({"a": {"$ref": "#/$defs/point", "description": "where"}}, **{"$defs": {"point": point}})
    assert result == {"a": {"type": "object", "properties": {"x": {"type": "integer"}}, "description": "where"}}


@pytest.mark.parametrize("reference", ["#", "#/$defs/node", "#/no/where", "https://elsewhere"])
def test_references_without_end_or_aim_become_an_object(reference: str) -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}
    result = fit({"a": {"$ref": reference}}, **{"$defs": {"node": node}})
    assert "$ref" not in str(result)


def test_plain_has_no_bare_true() -> None:
    before = {"x": True, "y": {"type": "array", "items": True}, "z": {"type": "object", "additionalProperties": True}}
    assert fit(before, "plain") == {**before, "x": {}, "y": {"type": "array", "items": {}}}


def test_bare_has_no_additional_properties_but_a_property_named_so() -> None:
    inner = {"type": "object", "properties": {"additionalProperties": {"type": "string"}}}
    before = {"x": {**inner, "additionalProperties": False}}
    assert fit(before, "bare", additionalProperties=False) == {"x": inner}
    assert fit(before, "plain", additionalProperties=False) == before


def without_unions(**parameters: Any) -> Json:
    return of_tool({"type": "object", **parameters}, ChatDialect(schema_unions=False))


def test_branches_at_the_root_become_one_object() -> None:
    branches = [
        {"properties": {"a": {"type": "string"}}, "required": ["id", "a"]},
        {"properties": {"b": {"type": "string"}}, "required": ["id", "b"]},
    ]
    assert without_unions(anyOf=branches, properties={"id": {"type": "integer"}}) == {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}, "id": {"type": "integer"}},
        "required": ["id"],
    }


def test_unions_that_are_taken_apart_are_a_loss() -> None:
    losses = Losses()
    tool_schema.of_tool({"anyOf": [{"required": ["a"]}]}, ChatDialect(schema_unions=False), "tools[3]", losses)
    assert [loss.path for loss in losses] == ["tools[3]"]


def test_all_of_demands_what_any_of_its_branches_demands() -> None:
    assert without_unions(allOf=[{"required": ["a"]}, {"required": ["b"]}])["required"] == ["a", "b"]


def test_branches_below_the_root_stay() -> None:
    properties = {"x": {"anyOf": [{"type": "string"}, {"type": "null"}]}}
    assert without_unions(properties=properties)["properties"] == properties


def test_definitions_that_use_each_other_are_written_out_to_a_depth() -> None:
    """What comes after it is any object; a chain of thousands has an end, too."""
    chain = {str(n): {"properties": {"next": {"$ref": f"#/$defs/{n + 1}"}}} for n in range(5000)}
    bare = {f"b{n}": {"$ref": f"#/$defs/b{n + 1}"} for n in range(5000)}
    result = fit({"a": {"$ref": "#/$defs/0"}, "b": {"$ref": "#/$defs/b0"}}, **{"$defs": chain | bare})
    assert result["b"] == {"type": "object"}
    depth, inner = 0, result["a"]
    while "properties" in inner:
        depth, inner = depth + 1, inner["properties"]["next"]
    assert 20 < depth < 40
    assert inner == {"type": "object"}


@pytest.mark.parametrize("wrong", [None, 7, "x", [], [7], [[]], {"a": 7}])
@pytest.mark.parametrize("kind", ["no_const", "plain"])
def test_keywords_of_another_form_are_handed_on(wrong: Any, kind: str) -> None:
    keywords = ("type", "properties", "items", "anyOf", "enum", "const", "$ref", "additionalProperties", "required")
    dialect = ChatDialect(schema_subset=kind, schema_unions=False)
    assert of_tool({name: wrong for name in keywords}, dialect)
