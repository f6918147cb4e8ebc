"""Calls of tools, lowered and lifted."""

import pytest

from converters import jsontext, tools
from converters.jsontext import Json
from converters.responses import wire
from tests.converters.tools.offers import CUSTOM, box, function, names, namespace


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


def test_an_unknown_name_stays_a_function_call_for_codex_to_refuse() -> None:
    assert tools.lift(None, "shell", "c", "") == {
        "type": "function_call",
        "call_id": "c",
        "name": "shell",
        "arguments": "{}",
    }


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
