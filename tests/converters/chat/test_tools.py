"""The tools on offer, and the choice among them."""

from typing import Any

import pytest

from converters.chat.dialect import ChatDialect
from tests.converters.chat.sample_requests import body, convert_items
from tests.converters.sample_items import FUNCTION, call, output, user

TWO = [FUNCTION, {"type": "namespace", "name": "clock", "tools": [{"type": "function", "name": "now"}]}]
SEARCH = {"type": "web_search", "external_web_access": False}


def converted_choice(choice: Any, tools: Any = TWO, **flags: Any) -> Any:
    return body(user(), dialect=ChatDialect(**flags), tools=tools, tool_choice=choice)


def names(request: Any) -> list[str]:
    return [tool["function"]["name"] for tool in request.get("tools", [])]


def test_tools_are_functions() -> None:
    (tool, _) = converted_choice("auto")["tools"]
    assert tool == {"type": "function", "function": {"name": "f", "parameters": FUNCTION["parameters"]}}


def test_strict_is_said_where_it_is_known() -> None:
    strict = {**FUNCTION, "strict": True}
    assert converted_choice("auto", [strict], strict_tools=True)["tools"][0]["function"]["strict"] is True
    assert "strict" not in converted_choice("auto", [strict])["tools"][0]["function"]
    assert "strict" not in converted_choice("auto", [FUNCTION], strict_tools=True)["tools"][0]["function"]


def test_the_default_choice_is_not_said() -> None:
    assert "tool_choice" not in converted_choice("auto")
    assert "tool_choice" not in converted_choice(None)


@pytest.mark.parametrize("word", ["none", "required"])
def test_words_are_handed_on(word: str) -> None:
    assert converted_choice(word)["tool_choice"] == word


@pytest.mark.parametrize(
    ("choice", "name"),
    [
        ({"type": "function", "name": "f"}, "f"),
        ({"type": "function", "name": "now"}, "clock__now"),
        ({"type": "function", "name": "now", "namespace": "clock"}, "clock__now"),
    ],
)
def test_a_named_tool_is_named_as_the_upstream_knows_it(choice: Any, name: str) -> None:
    assert converted_choice(choice)["tool_choice"] == {"type": "function", "function": {"name": name}}


def test_a_named_tool_is_the_only_one_where_objects_are_refused() -> None:
    request = converted_choice({"type": "function", "name": "now"}, tool_choice="strings")
    assert (names(request), request["tool_choice"]) == (["clock__now"], "required")


def test_a_custom_tool_and_tool_search_can_be_named() -> None:
    tools = [{"type": "custom", "name": "patch"}, {"type": "tool_search", "execution": "client", "parameters": {}}]
    for choice, name in (({"type": "custom", "name": "patch"}, "patch"), ({"type": "tool_search"}, "tool_search")):
        assert converted_choice(choice, tools)["tool_choice"]["function"]["name"] == name


@pytest.mark.parametrize("choice", [{"type": "web_search"}, {"type": "function", "name": "gone"}])
def test_a_choice_of_a_tool_that_is_not_on_offer_is_a_loss(choice: Any) -> None:
    request, losses = convert_items(user(), tools=TWO, tool_choice=choice)
    assert "tool_choice" not in request
    assert [loss.path for loss in losses] == ["tool_choice"]


def test_allowed_tools_are_the_only_ones_on_offer() -> None:
    choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]}
    request = converted_choice(choice)
    assert (names(request), request["tool_choice"]) == (["f"], "required")


def test_a_host_that_takes_no_choice_gets_none() -> None:
    dialect = ChatDialect(tool_choice="auto")
    request, losses = convert_items(user(), dialect=dialect, tools=TWO, tool_choice="required")
    assert "tool_choice" not in request
    assert [loss.what for loss in losses] == ["required"]
    assert "tools" not in converted_choice("none", tool_choice="auto")


@pytest.mark.parametrize(
    ("known", "asked", "sent"), [(True, True, True), (True, False, False), (False, True, None), (False, False, False)]
)
def test_parallel_calls_are_forbidden_everywhere_and_allowed_where_known(known: bool, asked: bool, sent: Any) -> None:
    request = body(user(), dialect=ChatDialect(parallel_tool_calls=known), tools=TWO, parallel_tool_calls=asked)
    assert request.get("parallel_tool_calls") is sent


def test_without_tools_nothing_is_said_of_them() -> None:
    request = body(user(), tools=[], tool_choice="none", parallel_tool_calls=False)
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(request)


def test_an_empty_list_stands_where_old_calls_demand_one() -> None:
    dialect = ChatDialect(empty_tools=True)
    assert body(user(), call(), output(), dialect=dialect)["tools"] == []
    assert "tools" not in body(user(), dialect=dialect)
    assert "tools" not in body(user(), call(), output())


def test_a_hosted_tool_is_a_loss() -> None:
    request, losses = convert_items(user(), tools=[FUNCTION, SEARCH, {"type": "code_interpreter"}])
    assert names(request) == ["f"]
    assert [loss.path for loss in losses] == ["tools[1]", "tools[2]"]


def test_the_hosts_own_search_takes_the_place_of_web_search() -> None:
    own = {"type": "builtin_function", "function": {"name": "$web_search"}}
    dialect = ChatDialect(web_search="native", web_search_tool=own)
    request, losses = convert_items(user(), dialect=dialect, tools=[SEARCH])
    assert (request["tools"], losses) == ([own], [])


@pytest.mark.parametrize("choice", ["any", "", "AUTO"])
def test_a_word_that_nobody_knows_is_a_loss(choice: str) -> None:
    request, losses = convert_items(user(), tools=TWO, tool_choice=choice)
    assert "tool_choice" not in request
    assert [loss.path for loss in losses] == ["tool_choice"]


@pytest.mark.parametrize("wrong", [None, 7, [], {}, [7], [[]], [{"name": []}], [{"name": "f", "namespace": "other"}]])
def test_allowed_tools_of_another_form_name_none(wrong: Any) -> None:
    assert names(converted_choice({"type": "allowed_tools", "mode": wrong, "tools": wrong})) == []
