"""The scripted upstreams are worth their trust: the vendors' own clients read them, and they refuse what is wrong."""

import copy
from typing import Any

import anthropic
import openai
import pytest

from tests.e2e import strict_anthropic, strict_chat, write_anthropic
from tests.e2e.scripted_response import Call, ErrorResponse, Json, ModelResponse, Reasoning, Text
from tests.e2e.scripted_upstream import ScriptedUpstream, UpstreamKind

type Upstreams = dict[UpstreamKind, ScriptedUpstream]

_TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
_CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}
_CHAT: Json = {
    "model": "m",
    "stream": True,
    "messages": [
        {"role": "system", "content": "be good"},
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": "well", "tool_calls": [_CALL], "reasoning_content": "hm"},
        {"role": "tool", "tool_call_id": "call_1", "content": "seen"},
    ],
    "tools": [_TOOL],
    "thinking": {"type": "enabled"},
}
_THOUGHT = {"type": "thinking", "thinking": "hm", "signature": write_anthropic.signature("hm")}
_USE = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
_MESSAGES: Json = {
    "model": "m",
    "stream": True,
    "max_tokens": 4096,
    "messages": [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": [_THOUGHT, _USE]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "seen"}]},
    ],
    "tools": [{"name": "look", "input_schema": {"type": "object"}}],
    "thinking": {"type": "enabled", "budget_tokens": 1024},
}


def changed(body: Json, path: str, value: Any) -> Json:
    """A copy in which one place holds another value; `-` at the end of a path appends, a value of None removes."""
    copied = copy.deepcopy(body)
    *way, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    here: Any = copied
    for step in way:
        here = here[step]
    if last == "-":
        here.append(value)
    elif value is None:
        del here[last]
    else:
        here[last] = value
    return copied


def chat_refusal(body: Json) -> str | None:
    return strict_chat.refusal(body, "deepseek", {"call_1": "hm"})


def anthropic_refusal(body: Json) -> str | None:
    return strict_anthropic.refusal(body, {"anthropic-version": "2023-06-01"}, {_THOUGHT["signature"]: "hm"})


def test_chat_takes_what_is_right() -> None:
    assert chat_refusal(_CHAT) is None


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("client_metadata", {}, "Extra inputs are not permitted"),
        ("tools.0.function.extra", 1, "Extra inputs are not permitted"),
        ("temperature", "hot", "valid number"),
        ("messages.0.role", "developer", "unknown variant `developer`"),
        ("messages.1.role", "system", "System message must be at the beginning"),
        ("messages.1.content", "", "empty"),
        ("messages.3", {"role": "user", "content": "x"}, "did not have response messages: call_1"),
        ("messages.3.tool_call_id", "call_2", "must be a response to a preceeding message"),
        ("messages.3.content", [{"type": "text", "text": "x"}], "expected a string"),
        ("messages.-", {"role": "assistant", "content": "x", "reasoning_content": ""}, "Expected last role"),
        ("messages.2.reasoning_content", None, "Missing `reasoning_content`"),
        ("messages.2.reasoning_content", ".", "must be passed back"),
        ("messages.2.reasoning_content", "", "must be passed back"),
        ("messages.2.tool_calls.0.function.arguments", "{", "JSON object"),
        ("messages.2.tool_calls.0.function.name", "a.b", "does not match pattern"),
        ("messages.2.tool_calls.-", _CALL, "duplicate"),
        ("tools.-", _TOOL, "not unique"),
        ("tools.0.function.parameters", {"type": "object", "anyOf": []}, "top level"),
        ("tools.0.function.parameters", {"type": "object", "properties": {"a": {"encrypted": True}}}, "encrypted"),
        ("tools", [], "empty array"),
        ("tool_choice", "auto", "does not support this tool_choice"),
    ],
)
def test_chat_refuses_what_the_providers_refuse(path: str, value: Any, words: str) -> None:
    assert words in str(chat_refusal(changed(_CHAT, path, value)))


def test_anthropic_takes_what_is_right() -> None:
    assert anthropic_refusal(_MESSAGES) is None


_MARK = {"type": "ephemeral"}
_TEXT = {"type": "text", "text": "x"}


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("metadata", {"thread": "x"}, "Extra inputs are not permitted"),
        ("max_tokens", None, "Field required"),
        ("max_tokens", 1024, "must be greater than"),
        ("messages.0.role", "assistant", 'first message must use the "user" role'),
        ("messages.-", {"role": "user", "content": "x"}, "roles must alternate"),
        ("messages.-", {"role": "assistant", "content": "x"}, "must end with a user message"),
        ("messages.2.content", "x", "were found without `tool_result` blocks"),
        ("messages.2.content.0.tool_use_id", "toolu_2", "were found without `tool_result` blocks"),
        ("messages.2.content", [_TEXT, _MESSAGES["messages"][2]["content"][0]], "must come first"),
        ("messages.1.content.-", _TEXT, "were found without `tool_result` blocks"),
        ("messages.1.content.1.id", "call.1", "should match pattern"),
        ("messages.1.content.-", _USE, "must be unique"),
        ("messages.1.content.0.thinking", "other", "Invalid `signature`"),
        ("messages.1.content", [_USE], "Expected `thinking`"),
        ("messages.2.content.0.content", [], "must not be an empty list"),
        ("messages.0.content", " ", "non-whitespace"),
        ("system", [{**_TEXT, "cache_control": _MARK}] * 5, "A maximum of 4 blocks"),
        ("tool_choice", {"type": "any"}, "Thinking may not be enabled"),
        ("tools", None, "must define tools"),
    ],
)
def test_anthropic_refuses_what_the_api_refuses(path: str, value: Any, words: str) -> None:
    assert words in str(anthropic_refusal(changed(_MESSAGES, path, value)))


def test_openai_s_client_reads_a_chat_answer(upstreams: Upstreams) -> None:
    upstream = upstreams["openai"]
    upstream.script(
        ModelResponse(Reasoning("hm"), Text("Gruß 😀, all well"), Call("look", {"at": 1}), Call("look", {"at": 2}))
    )
    with (
        openai.OpenAI(base_url=upstream.base_url, api_key=upstream.key, max_retries=0) as client,
        client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "hi"}], stream_options={"include_usage": True}
        ) as stream,
    ):
        final = stream.get_final_completion()
    [choice] = final.choices
    assert choice.message.content == "Gruß 😀, all well"
    assert [(c.id, c.function.arguments) for c in choice.message.tool_calls or []] == [
        ("call_1_2", '{"at": 1}'),
        ("call_1_3", '{"at": 2}'),
    ]
    assert (choice.finish_reason, final.usage and final.usage.prompt_tokens) == ("tool_calls", 100)


def anthropic_client(upstream: ScriptedUpstream) -> anthropic.Anthropic:
    """Its addresses end before the version."""
    address = upstream.base_url.removesuffix("/v1")
    return anthropic.Anthropic(base_url=address, api_key=upstream.key, max_retries=0)


def test_anthropic_s_client_reads_a_messages_answer(upstreams: Upstreams) -> None:
    upstream = upstreams["anthropic"]
    upstream.script(ModelResponse(Reasoning("hm"), Text("Gruß 😀"), Call("look", {"at": 1}), encoding="gzip"))
    with (
        anthropic_client(upstream) as client,
        client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]) as stream,
    ):
        final = stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "text", "tool_use"]
    assert (final.stop_reason, final.usage.input_tokens, final.usage.output_tokens) == ("tool_use", 60, 20)


def test_an_error_has_the_vendor_s_form(upstreams: Upstreams) -> None:
    upstream = upstreams["anthropic"]
    upstream.script(ErrorResponse(529, "Overloaded"))
    with (
        anthropic_client(upstream) as client,
        pytest.raises(anthropic.APIStatusError, match="overloaded_error"),
    ):
        client.messages.create(model="m", max_tokens=9, stream=True, messages=[{"role": "user", "content": "hi"}])
