"""How rendering knows the Responses API."""

from typing import Any

import pytest

from converters.responses.rendering import RENDERING


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"model": "m", "input": "hi"}, True),
        ({"model": "m", "input": []}, True),
        ({"model": "m", "input": [], "object": "response"}, False),
        ({"messages": [{"role": "user"}]}, False),
    ],
)
def test_a_request_is_known(body: Any, expected: bool) -> None:
    assert RENDERING.is_request(body) is expected


@pytest.mark.parametrize(
    ("value", "event", "expected"),
    [
        ({"type": "response.created"}, "", True),
        ({}, "response.created", True),
        ({"object": "response"}, "", True),
        ({"type": "error", "sequence_number": 3}, "", True),
        ({"type": "error"}, "", False),
    ],
)
def test_a_response_or_a_record_of_its_stream_is_known(value: Any, event: str, expected: bool) -> None:
    assert RENDERING.is_response(value, event) is expected
