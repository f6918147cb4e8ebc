"""How rendering knows Anthropic Messages."""

from typing import Any

import pytest

from converters.anthropic.rendering import RENDERING


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"messages": [{"role": "user"}], "system": "Be brief."}, True),
        ({"messages": [{"role": "user"}], "tools": [{"name": "f", "input_schema": {}}]}, True),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, True),
        ({"messages": [{"role": "user", "content": "hi"}]}, False),
        ({"system": "Be brief."}, False),
    ],
)
def test_a_request_is_known(body: Any, expected: bool) -> None:
    assert RENDERING.is_request(body) is expected


@pytest.mark.parametrize(
    ("value", "event", "expected"),
    [
        ({"type": "message", "content": []}, "", True),
        ({"type": "message"}, "", False),
        ({"type": "message_start"}, "", True),
        ({"error": {"message": "no"}}, "error", True),
        ({}, "content_block_delta", True),
        ({"choices": []}, "", False),
    ],
)
def test_a_response_or_a_record_of_its_stream_is_known(value: Any, event: str, expected: bool) -> None:
    assert RENDERING.is_response(value, event) is expected
