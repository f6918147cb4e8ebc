"""Codex's tool kinds as plain functions, and back."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import jsontext, tools
from converters.errors import RequestError
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import wire


def box(*declared: Json, items: list[Json] | None = None) -> tools.Toolbox:
    return tools.lower(wire.read({"model": "m", "input": items or [], "tools": list(declared)}))


def function(name: str, **fields: Any) -> Json:
    return {"type": "function", "name": name, **fields}


def namespace(name: str, *members: Json) -> Json:
    return {"type": "namespace", "name": name, "tools": list(members)}


CUSTOM = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edits files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: begin_patch"},
}


def names(toolbox: tools.Toolbox) -> list[str]:
    return [one.name for one in toolbox.functions]


def test_a_namespace_is_flattened_and_restored() -> None:
    toolbox = box(namespace("mcp__files", function("read")))
    assert names(toolbox) == ["mcp__files__read"]
    item = tools.lift(toolbox.find("mcp__files__read"), "mcp__files__read", "call_1", '{"path":"a"}')
    assert item == {
        "type": "function_call",
        "call_id": "call_1",
        "name": "read",
        "namespace": "mcp__files",
        "arguments": '{"path":"a"}',
    }


def test_the_namespace_functions_adds_no_prefix_but_comes_back() -> None:
    toolbox = box(namespace("functions", {"type": "custom", "name": "exec"}))
    assert names(toolbox) == ["exec"]
    item = tools.lift(toolbox.find("exec"), "exec", "c", '{"input":"text(1)"}')
    assert (item["type"], item["namespace"], item["input"]) == ("custom_tool_call", "functions", "text(1)")


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


def test_an_unknown_name_stays_a_function_call_for_codex_to_refuse() -> None:
    assert tools.lift(None, "shell", "c", "") == {
        "type": "function_call",
        "call_id": "c",
        "name": "shell",
        "arguments": "{}",
    }


@given(st.text(min_size=1), st.none() | st.text())
def test_flat_names_fit_every_upstream(name: str, space: str | None) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", tools.flat_name(name, space))


@given(st.lists(st.text("ab.é_-", min_size=1, max_size=90), unique=True, max_size=20))
def test_different_tools_never_share_a_name(originals: list[str]) -> None:
    flat = [tools.flat_name(name, None) for name in originals]
    assert len(set(flat)) == len(flat)


def test_a_long_name_keeps_a_readable_head_and_comes_back_whole() -> None:
    long = "very_" * 20
    toolbox = box(namespace("mcp__server", function(long)))
    (flat,) = names(toolbox)
    assert flat.startswith("mcp__server__very_very_")
    assert tools.lift(toolbox.find(flat), flat, "c", "{}")["name"] == long


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


PATCH = "*** Begin Patch\n*** End Patch\n"


@pytest.mark.parametrize(
    "arguments",
    [
        jsontext.dumps({"input": PATCH}).decode(),
        jsontext.dumps({"patch": PATCH}).decode(),
        jsontext.dumps({"content": PATCH}).decode(),
        jsontext.dumps({"whatever": PATCH}).decode(),
        jsontext.dumps(PATCH).decode(),
        jsontext.dumps({"input": f"```patch\n{PATCH}```"}).decode(),
        PATCH,
    ],
)
def test_the_text_of_a_custom_call_is_found_however_it_is_wrapped(arguments: str) -> None:
    item = tools.lift(box(CUSTOM).find("apply_patch"), "apply_patch", "c", arguments)
    assert item == {"type": "custom_tool_call", "call_id": "c", "name": "apply_patch", "input": PATCH}


def test_javascript_of_a_custom_call_stays_exact() -> None:
    script = 'const r = await tools.exec_command({cmd:"echo \\"hi\\""});\ntext(r.output);'
    assert tools.unwrap_text(jsontext.dumps({"input": script}).decode()) == script


def test_a_patch_tool_declared_as_a_function_stays_a_function() -> None:
    declared = function("apply_patch", parameters={"type": "object", "properties": {"input": {"type": "string"}}})
    item = tools.lift(box(declared).find("apply_patch"), "apply_patch", "c", '{"input":"x"}')
    assert (item["type"], item["arguments"]) == ("function_call", '{"input":"x"}')


def test_tool_search_comes_back_as_the_clients_own_call() -> None:
    toolbox = box({"type": "tool_search", "execution": "client", "parameters": {"type": "object", "properties": {}}})
    item = tools.lift(toolbox.find("tool_search"), "tool_search", "c", '{"query":"mail","limit":3}')
    assert item == {
        "type": "tool_search_call",
        "call_id": "c",
        "execution": "client",
        "arguments": {"query": "mail", "limit": 3},
    }


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


def test_whole_floats_become_integers_where_the_schema_says_so() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}, "x": {"type": "number"}}}
    found = box(function("f", parameters=schema)).find("f")
    assert tools.lift(found, "f", "c", '{"n":10.0,"x":10.0}')["arguments"] == '{"n":10,"x":10.0}'


def test_the_historys_calls_have_the_names_that_are_offered() -> None:
    call = wire.FunctionCallItem(type="function_call", call_id="c", name="read", namespace="mcp__files", arguments="")
    assert tools.lower_call(call) == ("mcp__files__read", "{}")
    custom = wire.CustomCallItem(type="custom_tool_call", call_id="c", name="exec", namespace="functions", input='a"b')
    assert tools.lower_call(custom) == ("exec", '{"input":"a\\"b"}')
    search = wire.ToolSearchCallItem(type="tool_search_call", call_id="c", arguments={"query": "q"})
    assert tools.lower_call(search) == ("tool_search", '{"query":"q"}')


@pytest.mark.parametrize("broken", ['{"a": ', "[1]", '"text"', "nonsense"])
def test_malformed_arguments_go_back_as_a_safe_object(broken: str) -> None:
    assert jsontext.loads(tools.object_text(broken)) == {tools.MALFORMED: broken}


def test_arguments_that_are_an_object_are_not_touched() -> None:
    assert tools.object_text('{ "a" : 1.0 }') == '{ "a" : 1.0 }'


@pytest.mark.parametrize("schema", [{"properties": []}, {"properties": {"n": []}}, {"properties": {"n": {"type": []}}}])
def test_arguments_of_a_schema_of_another_form_stay_as_they_are(schema: Json) -> None:
    found = box(function("f", parameters=schema)).find("f")
    assert tools.lift(found, "f", "c", '{"n":10.0}')["arguments"] == '{"n":10.0}'


def test_a_float_that_is_no_certain_integer_stays_one() -> None:
    found = box(function("f", parameters={"properties": {"n": {"type": "integer"}}})).find("f")
    assert tools.lift(found, "f", "c", '{"n":1.0e300}')["arguments"] == '{"n":1.0e300}'
