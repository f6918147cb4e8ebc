"""What a request of many equal things costs: twice as many, twice as much."""

from collections.abc import Callable
from typing import Any

import pytest

from converters.anthropic.dialect import AnthropicDialect
from converters.chat.dialect import ChatDialect
from converters.conversion import Upstream, passes_as_it_is
from converters.jsontext import Json
from converters.request_fingerprint import RequestFingerprint
from converters.responses.dialect import ResponsesDialect
from tests.converters.conversions import open_with
from tests.steps import steps

UPSTREAMS = {
    "chat": ChatDialect(schema_subset="plain", schema_unions=False, reasoning_back="details"),
    "anthropic": AnthropicDialect(thinking="enabled", unsigned_thinking=True),
    "responses": ResponsesDialect(refused_tools=("x*",)),
}


def user(text: str) -> Json:
    return {"type": "message", "role": "user", "content": text}


def call(call_id: str) -> Json:
    return {"type": "function_call", "call_id": call_id, "name": "f", "arguments": "{}"}


def output(call_id: str) -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": "x"}


def function(name: str, **parameters: Any) -> Json:
    return {"type": "function", "name": name, "parameters": parameters}


def allowed(count: int) -> Json:
    tools = [function(f"f{n}") for n in range(count)]
    return {"input": "x", "tools": tools, "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": tools}}


def twice_referred(count: int) -> Json:
    """Written out, each definition would be twice as large as the one before."""
    next_one = [{"properties": {"a": {"$ref": f"#/$defs/{n}"}, "b": {"$ref": f"#/$defs/{n}"}}} for n in range(1, count)]
    definitions = {str(n): one for n, one in enumerate([*next_one, {}])}
    return {"input": "x", "tools": [function("f", properties={"a": {"$ref": "#/$defs/0"}}, **{"$defs": definitions})]}


SHAPES: dict[str, Callable[[int], Json]] = {
    "one id": lambda count: {"input": [call("a")] * count},
    "one id, answered": lambda count: {"input": [call("a"), output("a")] * count},
    "one id, answered late": lambda count: {"input": [call("a")] * count + [output("a")] * count},
    "one id, interrupted": lambda count: {"input": [call("a"), user("Stop.")] * count},
    "ids of one form": lambda count: {"input": [call(chr(0x4E00 + n)) for n in range(count)]},
    "steps in a row": lambda count: {"input": [{"role": "assistant", "content": "a"}, user(" ")] * count},
    "users in a row": lambda count: {"input": [user("a")] * count},
    "losses": lambda count: {"input": [{"type": "hologram"}] * count, "tools": [{"type": "web_search"}] * count},
    "allowed tools": allowed,
    "branches": lambda count: {"input": "x", "tools": [function("f", anyOf=[function(f"f{n}") for n in range(count)])]},
}


@pytest.mark.parametrize("protocol", UPSTREAMS)
@pytest.mark.parametrize("shape", SHAPES)
def test_twice_as_many_cost_twice_as_much(shape: str, protocol: str) -> None:
    upstream = Upstream("Up", protocol, "m", UPSTREAMS[protocol])

    def cost(count: int) -> int:
        raw: Json = {"model": "m", **SHAPES[shape](count)}

        def work() -> None:
            passes_as_it_is(raw)
            RequestFingerprint.of(raw)
            open_with(upstream, raw)

        return steps(work)

    cost(1)
    assert cost(600) < 2.2 * cost(300)


@pytest.mark.parametrize("protocol", UPSTREAMS)
def test_definitions_that_use_each_other_twice_have_an_end(protocol: str) -> None:
    raw: Json = {"model": "m", **twice_referred(100)}
    assert len(open_with(Upstream("Up", protocol, "m", UPSTREAMS[protocol]), raw).body) < 2**22
