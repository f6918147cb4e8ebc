"""Why responses end, in everybody's words."""

import pytest

from converters.anthropic import finish_reason


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("end_turn", "stop"),
        ("tool_use", "tool_calls"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "pause"),
        ("refusal", "content_filter"),
        ("a word of tomorrow", "stop"),
    ],
)
def test_every_word_has_a_reason(said: str, reason: str) -> None:
    assert finish_reason.stop_reason(said) == reason


@pytest.mark.parametrize("reason", ["error", "abort", "network_error"])
def test_some_ends_are_failures(reason: str) -> None:
    fault = finish_reason.broken("Zed", reason, "the upstream went away")
    assert fault is not None
    assert fault.kind == "server"
    assert fault.message == f"Zed broke the answer off ({reason}: the upstream went away)"


@pytest.mark.parametrize("reason", ["", "end_turn", "a word of tomorrow"])
def test_other_ends_are_none(reason: str) -> None:
    assert finish_reason.broken("Zed", reason, "") is None
