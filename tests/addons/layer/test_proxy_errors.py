"""mitmproxy's own error responses."""

import orjson
import pytest
from mitmproxy.proxy.layers.http import _events as http_events

from addons.layer import proxy_errors

Code = http_events.ErrorCode


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (Code.CONNECT_FAILED, 502),
        (Code.RESPONSE_TOO_LARGE, 502),
        (Code.REQUEST_VALIDATION_FAILED, 400),
        (Code.REQUEST_TOO_LARGE, 413),
    ],
)
def test_they_are_json(code: http_events.ErrorCode, status: int) -> None:
    response = proxy_errors.response_to(http_events.ResponseProtocolError(1, "no way", code), "other")
    assert response is not None and response.status_code == status
    assert "no way" in orjson.loads(response.content or b"")["error"]["message"]


@pytest.mark.parametrize("code", [Code.KILL, Code.CANCEL, Code.PASSTHROUGH_CLOSE])
def test_there_is_none_where_the_connection_is_just_closed(code: http_events.ErrorCode) -> None:
    assert proxy_errors.response_to(http_events.ResponseProtocolError(1, "gone", code), "other") is None


def test_an_unreadable_head_is_not_repeated_at_length() -> None:
    assert len(proxy_errors.serialized(400, "\x1b" + "x" * 100_000)) < 1000
