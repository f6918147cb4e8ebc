"""Refusals as Anthropic and its like have written them, and the flag that each teaches."""

from typing import Any

import pytest

from converters import jsontext
from converters.jsontext import Json
from tests.converters.refusals import EVERYTHING, lesson

_ALL: Json = {
    "thinking": "adaptive",
    "efforts": ("low", "medium", "high"),
    "thinking_display": True,
    "strict_tools": True,
    "output_format": True,
    "forced_tool_choice": "full",
    "interleaved_beta": True,
    "result_ids": True,
}
_PLAIN: Json = {"thinking": "none"}

REFUSALS: list[tuple[str, Json, str, Any]] = [
    (
        '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and '
        '"output_config.effort" to control thinking behavior.',
        {"thinking": "budget"},
        "thinking",
        "adaptive",
    ),
    ("adaptive thinking is not supported on this model", {}, "thinking", "budget"),
    (
        "thinking: Input tag 'adaptive' found using 'type' does not match any of the expected tags: 'disabled', 'enabled'",
        {},
        "thinking",
        "budget",
    ),
    ("thinking.enabled.budget_tokens: Field required", {"thinking": "enabled"}, "thinking", "budget"),
    ("claude-3-5-haiku does not support thinking.", {}, "thinking", "none"),
    ("thinking: Extra inputs are not permitted", {}, "thinking", "none"),
    ("thinking.adaptive.display: Extra inputs are not permitted", {}, "thinking_display", False),
    ("output_config.effort: Extra inputs are not permitted", {}, "efforts", []),
    ("This model does not support the effort parameter.", {}, "efforts", []),
    (
        "output_config.effort: Input should be 'low' or 'medium'",
        {},
        "efforts",
        ["low", "medium"],
    ),
    ("output_config.format: Extra inputs are not permitted", {}, "output_format", False),
    ("output_config: Extra inputs are not permitted", {}, "output_format", False),
    ("output_config: Extra inputs are not permitted", {"output_format": False}, "efforts", []),
    ("tools.0.custom.strict: Extra inputs are not permitted", {}, "strict_tools", False),
    ("tools.3.cache_control: Extra inputs are not permitted", {}, "cache", False),
    ("messages.0.content.0.tool_result.id: Extra inputs are not permitted", {}, "result_ids", False),
    (
        "Unexpected value(s) `interleaved-thinking-2025-05-14` for the `anthropic-beta` header.",
        {},
        "interleaved_beta",
        False,
    ),
    (
        "Thinking may not be enabled when tool_choice forces tool use.",
        {},
        "forced_tool_choice",
        "without_thinking",
    ),
    ("tool_choice: this model does not support forced tool use, only auto", _PLAIN, "forced_tool_choice", "never"),
    (
        "max_tokens: 32000 > 8192, which is the maximum allowed number of output tokens for claude",
        {},
        "max_tokens",
        8192,
    ),
    ("`temperature` is deprecated for this model.", _PLAIN, "sampling", False),
    ("messages.0.content.1: unknown variant `image`, expected `text`", {}, "images", False),
    ("this model does not support image input (ref: b8bd630e)", {}, "images", False),
    ("messages.0.content.2: Input tag 'document' found using 'type' does not match", {}, "documents", False),
    ("Streaming is required", {"streaming": "never"}, "streaming", "always"),
]


@pytest.mark.parametrize(("message", "flags", "flag", "value"), REFUSALS)
def test_a_refusal_teaches_a_flag(message: str, flags: Json, flag: str, value: Any) -> None:
    body = jsontext.dumps({"type": "error", "error": {"type": "invalid_request_error", "message": message}})
    learned = lesson("anthropic", _ALL | flags, body)
    assert learned is not None
    assert (learned.flag, list(learned.value) if isinstance(value, list) else learned.value) == (flag, value)


@pytest.mark.parametrize(
    "message",
    [
        "max_tokens: Extra inputs are not permitted",
        "system: Extra inputs are not permitted",
        "Overloaded",
        "stream: no",
    ],
)
def test_what_cannot_be_left_out_teaches_nothing(message: str) -> None:
    body = jsontext.dumps({"type": "error", "error": {"type": "invalid_request_error", "message": message}})
    assert lesson("anthropic", _ALL, body) is None


def test_a_forced_choice_that_is_not_sent_is_no_lesson() -> None:
    body = jsontext.dumps({"error": {"message": "Thinking may not be enabled when tool_choice forces tool use."}})
    assert lesson("anthropic", _ALL, body, EVERYTHING | {"tool_choice": "auto"}) is None
