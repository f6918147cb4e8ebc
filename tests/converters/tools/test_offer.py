"""Codex's tool kinds as plain functions."""

import pytest

from converters.errors import RequestError
from converters.jsontext import Json
from converters.losses import Losses
from tests.converters.tools.offers import CUSTOM, box, function, names, namespace


@pytest.mark.parametrize(
    "said",
    [
        "mcp__files.read",
        "mcp__files__read",
        "functions.mcp__files__read",
        "default_api:mcp__files__read",
        "MCP__Files__Read",
        "mcp__files__read<|channel|>commentary",
        "read",
    ],
)
def test_a_name_that_the_model_writes_otherwise_finds_its_tool(said: str) -> None:
    found = box(namespace("mcp__files", function("read")), function("exec_command")).find(said)
    assert found is not None
    assert (found.namespace, found.original) == ("mcp__files", "read")


def test_a_bare_name_that_two_namespaces_share_finds_neither() -> None:
    assert box(namespace("a", function("read")), namespace("b", function("read"))).find("read") is None


def test_two_tools_of_one_upstream_name_are_refused_with_both_places() -> None:
    with pytest.raises(RequestError) as caught:
        box(function("a__b"), namespace("a", function("b")))
    assert caught.value.param == "tools[1].tools[0]"
    assert "tools[0]" in str(caught.value)


def test_the_same_tool_offered_twice_counts_once() -> None:
    loaded = {"type": "tool_search_output", "call_id": "c", "tools": [namespace("n", function("f"))]}
    assert names(box(function("g"), items=[loaded, loaded])) == ["g", "n__f"]


def test_tools_declared_inside_the_input_join_the_others() -> None:
    lite = {"type": "additional_tools", "role": "developer", "tools": [namespace("collaboration", function("wait"))]}
    assert names(box(items=[lite])) == ["collaboration__wait"]


def test_a_custom_tool_becomes_a_function_of_one_string_and_keeps_its_grammar() -> None:
    (lowered,) = box(CUSTOM).functions
    assert lowered.parameters["required"] == ["input"]
    assert lowered.parameters["properties"]["input"]["type"] == "string"
    assert "start: begin_patch" in lowered.description
    assert lowered.description.startswith("Edits files.")


def test_a_refused_tool_is_not_offered_but_its_calls_are_understood() -> None:
    toolbox, losses = box(namespace("agents", function("spawn"), function("wait")), function("spawn")), Losses()
    toolbox.leave_out(("agents__spa*",), losses)
    assert names(toolbox) == ["agents__wait", "spawn"]
    assert [str(loss) for loss in losses] == ["tools[0].tools[0]: agents__spawn (this upstream is not offered it)"]
    assert toolbox.find("agents__spawn") is not None


def test_hosted_tools_stand_apart_with_their_place() -> None:
    ((path, tool),) = box(function("f"), {"type": "web_search", "external_web_access": False}).hosted
    assert (path, tool.type) == ("tools[1]", "web_search")


def test_marks_of_openai_leave_schemas_but_a_property_of_that_name_stays() -> None:
    schema = {
        "type": "object",
        "properties": {
            "message": {"type": "string", "encrypted": True},
            "encrypted": {"type": "boolean"},
        },
    }
    (lowered,) = box(function("spawn", parameters=schema)).functions
    assert lowered.parameters["properties"] == {"message": {"type": "string"}, "encrypted": {"type": "boolean"}}


@pytest.mark.parametrize("schema", [None, {}, {"properties": {}}, {"type": "object"}, {"type": ["object", "null"]}])
def test_a_schema_always_says_that_it_is_an_object(schema: Json | None) -> None:
    (lowered,) = box(function("f", parameters=schema)).functions
    assert lowered.parameters["type"] == "object"
    assert lowered.parameters["properties"] == {}
