"""Refusals as chat hosts have written them, and the flag that each teaches. Most stand in public issues."""

from typing import Any

import pytest

from converters.jsontext import Json
from tests.converters.refusals import EVERYTHING, error_body, lesson, refused

_ALL: Json = {
    "max_tokens": 64000,
    "effort": "reasoning_effort",
    "efforts": ("low", "medium", "high", "xhigh"),
    "reasoning_back": "text",
    "parallel_tool_calls": True,
    "strict_tools": True,
    "verbosity": True,
    "prompt_cache_key": True,
    "store": True,
}
"""A dialect that sends all that there is."""

_TEMPERATURE = "Unsupported parameter: 'temperature' is not supported with this model."
REFUSALS: list[tuple[str, Json, str, Any]] = [
    # message, flags beside _ALL, flag, value
    (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        {},
        "max_tokens_field",
        "max_completion_tokens",
    ),
    (
        "[{'type': 'extra_forbidden', 'loc': ('body', 'max_completion_tokens')}] max_completion_tokens: Extra inputs are "
        "not permitted",
        {"max_tokens_field": "max_completion_tokens"},
        "max_tokens_field",
        "max_tokens",
    ),
    ("max_tokens: 64000 > 8192, which is the maximum allowed number of output tokens", {}, "max_tokens", 8192),
    (
        "max_tokens is too large: 64000. This model supports at most 16384 completion tokens, whereas you provided 64000.",
        {},
        "max_tokens",
        16384,
    ),
    ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", {}, "max_tokens", 8192),
    ("max_tokens: 21333 > 4096, which is the maximum allowed number of output tokens", {}, "max_tokens", 4096),
    ("Range of max_tokens should be [1, 32768]", {}, "max_tokens", 32768),
    (
        "The maximum tokens you requested exceeds the model limit of 4096. Try again with a maximum tokens value that "
        "is lower than 4096.",
        {},
        "max_tokens",
        4096,
    ),
    (
        "messages[0].role: unknown variant `developer`, expected one of `system`, `user`, `assistant`, `tool`, "
        "`latest_reminder` at line 1 column 60",
        {"instructions_role": "developer"},
        "instructions_role",
        "system",
    ),
    (
        "invalid parameter 'messages[0].role': invalid role 'developer', must be one of: system, user, assistant, tool",
        {"instructions_role": "developer"},
        "instructions_role",
        "system",
    ),
    (
        "developer is not one of ['system', 'assistant', 'user', 'tool', 'function'] - 'messages.[0].role'",
        {"instructions_role": "developer"},
        "instructions_role",
        "system",
    ),
    (
        "Developer instruction is not enabled for models/gemma-3-27b-it",
        {"instructions_role": "developer"},
        "instructions_role",
        "system",
    ),
    ("System message must be at the beginning.", {"late_instructions": "keep"}, "late_instructions", "user"),
    (
        "Unsupported value: 'reasoning_effort' does not support 'medium' with this model. Supported values are: 'low', "
        "'high', and 'max'.",
        {"efforts": ("medium",)},
        "efforts",
        ["low", "high", "max"],
    ),
    (
        "Validation error for `reasoning_effort`: expected one of `'low' | 'medium' | 'high'`, received `'xhigh'`.",
        {"efforts": ("xhigh",)},
        "efforts",
        ["low", "medium", "high"],
    ),
    (
        'level "high" not supported, valid levels: low, medium, xhigh',
        {},
        "efforts",
        ["low", "medium", "xhigh"],
    ),
    (
        "Unexpected reasoning effort high. Supported types are xhigh (default), medium, and low.",
        {},
        "efforts",
        ["low", "medium", "xhigh"],
    ),
    ('reasoning_effort "high" was provided, but model gpt-4o does not support reasoning effort', {}, "effort", "none"),
    ("Model grok-4 does not support parameter reasoningEffort.", {}, "effort", "none"),
    ("Unrecognized request argument supplied: reasoning_effort", {}, "effort", "none"),
    (
        "Function tools with reasoning_effort are not supported for gpt-5.4 in /v1/chat/completions.",
        {},
        "effort",
        "none",
    ),
    ("property 'reasoning_effort' is unsupported", {"effort": "thinking"}, "efforts", []),
    ("property 'thinking' is unsupported", {"effort": "thinking"}, "effort", "none"),
    (
        "Validation: Unsupported parameter(s): `parallel_tool_calls`",
        {},
        "parallel_tool_calls",
        False,
    ),
    ("body.parallel_tool_calls: Extra inputs are not permitted", {}, "parallel_tool_calls", False),
    (
        "Failed to deserialize the JSON body into the target type: messages[0]: unknown variant `image_url`, expected "
        "`text` at line 1 column 391",
        {},
        "images",
        False,
    ),
    ("this model does not support image input", {}, "images", False),
    ("No endpoints found that support image input", {}, "images", False),
    ("image input is not supported - hint: you may need to provide the mmproj", {}, "images", False),
    ("google/gemma-3-1b-it is not a multimodal model", {}, "images", False),
    ("property 'stream_options' is unsupported, did you mean 'stream'?", {}, "stream_usage", False),
    ("extraneous key [include_usage] is not permitted", {}, "stream_usage", False),
    ("This response_format type is unavailable now", {}, "response_format", "json_object"),
    (
        "'response_format.type' must be 'json_schema' or 'text'",
        {"response_format": "json_object"},
        "response_format",
        "prompt",
    ),
    (
        "This model does not support response format `json_schema`. See supported models at https://example.com",
        {},
        "response_format",
        "json_object",
    ),
    ("deepseek-reasoner does not support this `tool_choice`", {}, "tool_choice", "auto"),
    ("Only a tool_choice of 'auto' is supported for this model.", {}, "tool_choice", "auto"),
    ("tool_choice 'specified' is incompatible with thinking enabled", {}, "tool_choice", "auto"),
    ('Invalid JSON payload received. Unknown name "store": Cannot find field.', {}, "store", False),
    ("Unsupported parameter: prompt_cache_key", {}, "prompt_cache_key", False),
    ("Unrecognized request argument supplied: verbosity", {}, "verbosity", False),
    ("tools[0].function.strict: Extra inputs are not permitted", {}, "strict_tools", False),
    ("Unknown parameter: 'tools[0].function.strict'.", {}, "strict_tools", False),
    (
        "The `reasoning_content` in the thinking mode must be passed back to the API.",
        {"reasoning_back": "none"},
        "reasoning_back",
        "exact",
    ),
    (
        "thinking is enabled but reasoning_content is missing in assistant tool call message at index 13",
        {"reasoning_back": "none"},
        "reasoning_back",
        "calls",
    ),
    (
        "messages.2.assistant.reasoning_content: Extra inputs are not permitted",
        {},
        "reasoning_back",
        "none",
    ),
    (
        "'messages.2' : for 'role:assistant' the following must be satisfied[('messages.2' : property "
        "'reasoning_content' is unsupported)]",
        {},
        "reasoning_back",
        "none",
    ),
    (
        "Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9.",
        {},
        "call_ids",
        "nine",
    ),
    (_TEMPERATURE, {}, "drop", ["temperature"]),
    ("`temperature` is deprecated for this model.", {}, "drop", ["temperature"]),
    ("invalid temperature: only 1 is allowed for this model", {}, "drop", ["temperature"]),
    (
        "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
        {},
        "drop",
        ["temperature"],
    ),
    (
        "temperature and top_p cannot be set simultaneously, please check the documentation",
        {},
        "drop",
        ["top_p"],
    ),
    ("Failed to deserialize: invalid type: null, expected a string at line 1", {}, "empty_content", "empty"),
    ("messages.1.content: Input should be a valid string", {}, "empty_content", "empty"),
    ("messages.1.content: Input should be a valid string", {"empty_content": "empty"}, "images", False),
    (
        'Invalid JSON payload received. Unknown name "additionalProperties" at '
        "'tools[0].function_declarations[0].parameters': Cannot find field.",
        {},
        "schema_subset",
        "bare",
    ),
    ("Unrecognized schema: true", {}, "schema_subset", "plain"),
    (
        "Invalid request: tools.function.parameters is not a valid moonshot flavored json schema, details: <keyword "
        "'const'>",
        {},
        "schema_subset",
        "no_const",
    ),
    (
        "Invalid JSON payload received. Unknown name \"const\" at 'tools[0].function_declarations[0].parameters': "
        "Cannot find field.",
        {},
        "schema_subset",
        "no_const",
    ),
    (
        "Invalid schema: schema must not have anyOf at the top level",
        {},
        "schema_unions",
        False,
    ),
    ("Stream must be set to true", {"streaming": "never"}, "streaming", "always"),
    ("This model only supports streaming", {"streaming": "never"}, "streaming", "always"),
    ("parameter.enable_thinking only support stream call", {"streaming": "never"}, "streaming", "always"),
    ("Streaming is not supported for this model", {}, "streaming", "never"),
    ("This model does not support streaming.", {}, "streaming", "never"),
]


@pytest.mark.parametrize(("message", "flags", "flag", "value"), REFUSALS)
def test_a_refusal_teaches_a_flag(message: str, flags: Json, flag: str, value: Any) -> None:
    conversion = refused("chat", _ALL | flags, error_body(message))
    learned = conversion.lesson
    assert learned is not None
    assert (learned.flag, list(learned.value) if isinstance(value, list) else learned.value) == (flag, value)


@pytest.mark.parametrize(("message", "flags", "flag", "value"), REFUSALS)
def test_what_was_learned_is_not_learned_again(message: str, flags: Json, flag: str, value: Any) -> None:
    """Another may be, weaker."""
    again = lesson("chat", _ALL | flags | {flag: value}, error_body(message))
    assert again is None or (again.flag, again.value) != (flag, value)


def test_the_errors_code_and_param_are_enough() -> None:
    body = error_body("Nope.", code="unsupported_parameter", param="reasoning_effort")
    learned = lesson("chat", _ALL, body)
    assert learned is not None and (learned.flag, learned.value) == ("effort", "none")


def test_a_param_says_of_what_values_are_listed() -> None:
    body = error_body("Invalid value: 'xhigh'. Supported values are: 'low' and 'medium'.", param="reasoning_effort")
    learned = lesson("chat", _ALL, body)
    assert learned is not None and (learned.flag, learned.value) == ("efforts", ("low", "medium"))


def test_a_form_becomes_weaker_and_weaker() -> None:
    forms, flags = [], dict(_ALL)
    while learned := lesson("chat", flags, error_body("This response_format type is unavailable now")):
        assert learned.flag == "response_format"
        flags["response_format"] = learned.value
        forms.append(learned.value)
    assert forms == ["json_object", "prompt"]


def test_a_call_id_that_is_too_long_is_cut() -> None:
    long = [{**item, "call_id": "call_" + "x" * 60} if "call_id" in item else item for item in EVERYTHING["input"]]
    body = error_body(
        "Invalid 'messages[2].tool_calls[0].id': string too long. Expected a string with maximum length 40."
    )
    learned = lesson("chat", {"call_ids": "opaque"}, body, EVERYTHING | {"input": long})
    assert learned is not None and (learned.flag, learned.value) == ("call_ids", "short")


def test_a_history_of_calls_without_tools_learns_what_its_host_wants_of_the_list() -> None:
    bare = {key: value for key, value in EVERYTHING.items() if key not in ("tools", "tool_choice")}
    wants = error_body("Bedrock doesn't support tool calling without `tools=` param specified.")
    learned = lesson("chat", {}, wants, bare)
    assert learned is not None and (learned.flag, learned.value) == ("empty_tools", True)
    refuses = error_body("[] is too short - 'tools'")
    learned = lesson("chat", {"empty_tools": True}, refuses, bare)
    assert learned is not None and (learned.flag, learned.value) == ("empty_tools", False)


@pytest.mark.parametrize(
    "message",
    [
        "The server had an error while processing your request. Sorry about that!",
        "Unknown parameter: 'messages'.",
        "property 'tools' is unsupported",
        "Unrecognized request argument supplied: model",
        "llama3 does not support tools",
        "Unrecognized request argument supplied: no_such_field",
        "max_tokens: 64000 > 16, which is the maximum allowed number of output tokens",
        "Incorrect API call parameters, please check the documentation",
        "parameters for tool run did not match schema: errors: [missing properties: 'temperature']",
    ],
)
def test_what_is_not_known_or_cannot_be_left_out_teaches_nothing(message: str) -> None:
    assert lesson("chat", _ALL, error_body(message)) is None
