"""An upstream that only streams, or never does, serves a client that wants the other form, in each protocol."""

import pytest

from converters import jsontext, sse
from converters.conversion import Conversion, Upstream
from converters.jsontext import Json
from converters.protocols import PROTOCOLS
from tests import referee
from tests.converters.conversions import open_with, replay, request_body
from tests.converters.responses.test_whole import RESPONSE
from tests.converters.responses.test_whole import whole as forms

_CHAT: Json = {
    "id": "1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
}
_ANTHROPIC: Json = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
WHOLE: dict[str, Json] = {"chat": _CHAT, "anthropic": _ANTHROPIC, "responses": RESPONSE}
_TEXT: list[Json] = [
    {"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
    {"type": "message_stop"},
]
STREAMED: dict[str, bytes] = {
    "chat": b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n",
    "anthropic": b"".join(map(sse.encode, _TEXT)),
    "responses": b"".join(forms.as_stream(RESPONSE)),
}
EACH = pytest.mark.parametrize("protocol", sorted(WHOLE))


def opened(protocol: str, streaming: str, *, stream: bool) -> Conversion:
    dialect = PROTOCOLS[protocol].dialect.model_validate({"streaming": streaming})
    return open_with(Upstream("Acme", protocol, "m", dialect), request_body(stream=stream))


@EACH
@pytest.mark.parametrize("cut", [1, 30, 1 << 20])
def test_a_client_reads_a_stream_of_an_upstream_that_has_none(protocol: str, cut: int) -> None:
    conversion = opened(protocol, "never", stream=True)
    sent = jsontext.loads(conversion.body)
    assert sent["stream"] is False and "stream_options" not in sent
    assert conversion.headers["accept"] == "application/json"
    body = jsontext.dumps(WHOLE[protocol])
    events = referee.read(replay(conversion, [body[at : at + cut] for at in range(0, len(body), cut)]))
    assert "".join(event.get("delta", "") for event in events) == "Hello"
    assert events[-1]["type"] == "response.completed"
    assert (conversion.fault, conversion.surprise) == (None, "")


@EACH
@pytest.mark.parametrize("cut", [1, 30, 1 << 20])
def test_a_client_reads_a_whole_response_of_an_upstream_that_only_streams(protocol: str, cut: int) -> None:
    conversion = opened(protocol, "always", stream=False)
    assert jsontext.loads(conversion.body)["stream"] is True
    body = STREAMED[protocol]
    assert replay(conversion, [body[at : at + cut] for at in range(0, len(body), cut)]) == b""
    response = jsontext.loads(conversion.whole().body)
    assert response["output"][0]["content"][0]["text"] == "Hello"
    assert (conversion.fault, conversion.surprise) == (None, "")


@EACH
def test_a_failure_in_a_stream_is_the_whole_responses_failure(protocol: str) -> None:
    conversion = opened(protocol, "always", stream=False)
    replay(
        conversion, [b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n']
    )
    assert conversion.fault is not None and conversion.fault.kind == "overloaded"
    assert conversion.whole().status >= 400


def test_a_client_that_compacts_is_asked_for_no_stream() -> None:
    dialect = PROTOCOLS["responses"].dialect(streaming="always")
    conversion = open_with(Upstream("Acme", "responses", "m", dialect), request_body(), compact=True)
    assert jsontext.loads(conversion.body).get("stream") is True  # as the client has it; nothing is put there
    raw = {key: value for key, value in request_body().items() if key != "stream"}
    conversion = open_with(Upstream("Acme", "responses", "m", dialect), raw, compact=True)
    assert "stream" not in jsontext.loads(conversion.body)
