"""How rendering knows Chat Completions."""

from typing import Any

import pytest

from converters.chat.rendering import RENDERING


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"messages": [{"role": "user", "content": "hi"}]}, True),
        ({"messages": []}, False),
        ({"model": "m", "input": "hi"}, False),
    ],
)
def test_a_request_is_known(body: Any, expected: bool) -> None:
    assert RENDERING.is_request(body) is expected


@pytest.mark.parametrize(
    ("value", "event", "expected"),
    [
        ({"choices": []}, "", True),
        ({"object": "chat.completion.chunk"}, "", True),
        ({"error": {"message": "no"}}, "", True),
        ({"type": "ping"}, "", False),
    ],
)
def test_a_response_or_a_record_of_its_stream_is_known(value: Any, event: str, expected: bool) -> None:
    assert RENDERING.is_response(value, event) is expected
