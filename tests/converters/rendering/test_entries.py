from typing import Any

import pytest

from converters.rendering.entries import entries, tool_name

ITEMS: list[tuple[Any, list[tuple[str, str]]]] = [
    ({"role": "user", "content": "hi"}, [("user", "hi")]),
    ({"type": "message", "role": "assistant", "content": []}, []),
    ({"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": "x\ny"}, [("call patch", "x\ny")]),
    (
        {"type": "function_call", "call_id": "c", "namespace": "web", "name": "run", "arguments": "{}"},
        [("call web.run", "")],
    ),
    ({"type": "local_shell_call", "call_id": "c", "action": {"cmd": "ls"}}, [("call local_shell_call", "cmd: ls")]),
    ({"type": "tool_search_call", "call_id": "c", "arguments": {"q": "x"}}, [("call tool_search_call", "q: x")]),
    ({"type": "custom_tool_call_output", "call_id": "c", "output": [{"text": "ok"}]}, [("output of c", "ok")]),
    ({"type": "tool_search_output", "call_id": "c", "tools": [{"name": "a"}]}, [("tool_search_output c", "a")]),
    ({"type": "additional_tools", "tools": [{"name": "a"}, {"name": "b"}]}, [("additional_tools", "a, b")]),
    ({"type": "agent_message", "author": "a", "recipient": "b", "content": "go"}, [("a tells b", "go")]),
    ({"type": "compaction", "encrypted_content": "xyz"}, [("compaction", "[encrypted, 3 B]")]),
    ({"type": "web_search_call", "id": "w"}, [("web_search_call", '{"id":"w"}')]),
    ({"role": "tool", "tool_call_id": "c", "content": "ok"}, [("output of c", "ok")]),
    ({"role": "assistant", "reasoning": "Hm.", "content": "Hi."}, [("thinking", "Hm."), ("assistant", "Hi.")]),
    ({"role": "assistant", "reasoning_details": [{"a": 1}]}, [("thinking's details", '[{"a":1}]')]),
    (
        {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "abc"}]},
        [("thinking", "[encrypted, 3 B]")],
    ),
    ({"role": "assistant", "tool_calls": ["odd"]}, [("call", "odd")]),
    ("odd", [("str", "odd")]),
]


@pytest.mark.parametrize(("item", "shown"), ITEMS)
def test_each_kind_of_item_is_named(item: Any, shown: list[tuple[str, str]]) -> None:
    assert [(entry.title, entry.text) for entry in entries(item)] == shown


TOOLS: list[tuple[Any, str]] = [
    ({"type": "function", "name": "look"}, "look"),
    ({"type": "function", "function": {"name": "look"}}, "look"),
    ({"name": "look", "input_schema": {}}, "look"),
    ({"type": "custom", "name": "patch"}, "patch (custom)"),
    ({"type": "web_search_20250305", "name": "web_search"}, "web_search (web_search_20250305)"),
    ({"type": "web_search"}, "web_search"),
    ({"type": "namespace", "name": "mcp", "tools": [{"name": "a"}, {"name": "b"}]}, "mcp: {a, b}"),
    ("odd", "odd"),
]


@pytest.mark.parametrize(("tool", "name"), TOOLS)
def test_tools_are_known_by_name(tool: Any, name: str) -> None:
    assert tool_name(tool) == name
