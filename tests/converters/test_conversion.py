"""The laws of an conversion: whatever the upstream sends and however the network cuts it, the client reads one sound answer."""

from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import jsontext, seal
from converters.anthropic.dialect import AnthropicDialect
from converters.chat.dialect import ChatDialect
from converters.conversion import Conversion, Upstream, load, model_of, passes_as_it_is
from converters.dialect import Dialect
from converters.errors import ClientResponse, Fault, RequestError
from converters.jsontext import Json
from converters.protocols import PROTOCOLS
from converters.responses.dialect import ResponsesDialect
from tests import referee
from tests.converters.conversions import (
    EACH_PROTOCOL,
    NOW,
    ONE_DIALECT,
    STREAMS,
    cut_at,
    open_with,
    opened,
    replay,
    request_body,
)


def refused(conversion: Conversion, status: int, body: bytes) -> ClientResponse:
    conversion.refused(status, {}, body)
    assert conversion.fault
    return conversion.whole()


TERMINAL = {"response.completed", "response.incomplete", "response.failed"}


@EACH_PROTOCOL
@given(places=st.lists(st.integers(0, 10_000), max_size=30))
def test_where_the_network_cuts_changes_nothing(protocol: str, places: list[int]) -> None:
    stream = STREAMS[protocol]
    assert replay(opened(protocol), cut_at(stream, places)) == replay(opened(protocol), [stream])


@EACH_PROTOCOL
def test_every_single_byte_as_a_chunk_changes_nothing(protocol: str) -> None:
    stream = STREAMS[protocol]
    assert replay(opened(protocol), [bytes([byte]) for byte in stream]) == replay(opened(protocol), [stream])


@EACH_PROTOCOL
def test_the_answer_says_what_the_upstream_said(protocol: str) -> None:
    *_, last = referee.read(replay(opened(protocol), [STREAMS[protocol]]))
    assert last["type"] == "response.completed"
    kinds = [item["type"] for item in last["response"]["output"]]
    assert kinds == ["reasoning", "message", "function_call"]
    reasoning, message, call = last["response"]["output"]
    assert seal.is_ours(reasoning["encrypted_content"])
    assert message["content"][0]["text"] == "Héllo"
    assert (call["name"], jsontext.loads(call["arguments"])) == ("run", {"cmd": "ls"})
    assert last["response"]["usage"]["input_tokens"] == 9
    assert last["response"]["model"] == "alias"


@EACH_PROTOCOL
@given(length=st.integers(0, 10_000), rubbish=st.binary(max_size=40))
def test_a_stream_that_breaks_off_fails_and_releases_no_call(protocol: str, length: int, rubbish: bytes) -> None:
    whole = STREAMS[protocol]
    finish = b'"finish_reason":"tool_calls"' if protocol == "chat" else b'"stop_reason":"tool_use"'
    part = whole[: length % whole.index(finish)]
    events = referee.read(replay(opened(protocol), [part, rubbish]))
    assert events[-1]["type"] == "response.failed"
    assert sum(event["type"] in TERMINAL for event in events) == 1
    released = [event["item"]["type"] for event in events if event["type"] == "response.output_item.done"]
    assert "function_call" not in released


@EACH_PROTOCOL
@given(chunks=st.lists(st.binary(max_size=60), max_size=10))
def test_nothing_raises_and_one_terminal_event_comes_last(protocol: str, chunks: list[bytes]) -> None:
    events = referee.read(replay(opened(protocol), chunks))
    assert [event["type"] in TERMINAL for event in events].count(True) == 1
    assert events[-1]["type"] in TERMINAL
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("type", "choices", "delta", "content", "tool_calls", "index", "id", "function", "name"),
                    *("arguments", "message", "usage", "content_block", "text", "finish_reason", "error"),
                    *("stop_reason", "reasoning"),
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@EACH_PROTOCOL
@given(values=st.lists(VALUES, max_size=6), whole=st.booleans())
def test_json_of_any_shape_is_survived(protocol: str, values: list[Any], whole: bool) -> None:
    stream = jsontext.dumps(values) if whole else b"".join(b"data: %b\n\n" % jsontext.dumps(value) for value in values)
    events = referee.read(replay(opened(protocol), [stream]))
    assert events[-1]["type"] in TERMINAL


@EACH_PROTOCOL
def test_same_input_same_bytes(protocol: str) -> None:
    first, second = opened(protocol), opened(protocol)
    assert first.body == second.body
    assert replay(first, [STREAMS[protocol]]) == replay(second, [STREAMS[protocol]])


@EACH_PROTOCOL
def test_a_client_that_asks_for_no_stream_gets_the_terminal_events_response(protocol: str) -> None:
    *_, last = referee.read(replay(opened(protocol), [STREAMS[protocol]]))
    plain = opened(protocol, request_body(stream=False))
    assert replay(plain, [STREAMS[protocol]]) == b""
    response = plain.whole()
    assert response.status == 200
    assert jsontext.loads(response.body)["output"] == last["response"]["output"]
    assert jsontext.loads(plain.body)["stream"] is True


WHOLE = {
    "chat": {
        "id": "chatcmpl-7",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
    },
    "anthropic": {
        "id": "msg_7",
        "type": "message",
        "content": [{"type": "text", "text": "Hi"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 1},
    },
}


@EACH_PROTOCOL
def test_json_where_a_stream_was_asked_for_becomes_a_stream(protocol: str) -> None:
    body = jsontext.dumps(WHOLE[protocol])
    for cut in (1, len(body) // 2, len(body)):
        events = referee.read(replay(opened(protocol), [b"\r\n ", body[:cut], body[cut:]]))
        assert [event["delta"] for event in events if event["type"] == "response.output_text.delta"] == ["Hi"]
        assert events[-1]["type"] == "response.completed"


@EACH_PROTOCOL
@pytest.mark.parametrize("page", [b"<html><title>Bad gateway</title></html>", b'{"error":{"message":"Bad gateway"}}'])
def test_an_error_page_inside_a_200_is_told(protocol: str, page: bytes) -> None:
    events = referee.read(replay(opened(protocol), [page]))
    assert events[-1]["type"] == "response.failed"
    assert "Bad gateway" in events[-1]["response"]["error"]["message"]


@EACH_PROTOCOL
def test_a_failure_told_from_outside_ends_the_stream_once(protocol: str) -> None:
    conversion = opened(protocol)
    conversion.feed(STREAMS[protocol][:700])
    (records,) = conversion.fail(Fault("timeout", "Acme said nothing for 60 s"))
    assert referee.read(records)[-1]["type"] == "response.failed"
    assert conversion.fail(Fault("cut", "again")) == []
    assert conversion.close() == []


@EACH_PROTOCOL
def test_the_upstreams_error_answer_is_told(protocol: str) -> None:
    body = b'{"error":{"message":"bad tools"}}'
    assert b"Acme answered 422: bad tools" in refused(opened(protocol), 422, body).body
    assert refused(opened(protocol, client="other"), 422, body).status == 422


@EACH_PROTOCOL
def test_a_compaction_is_one_sealed_item_and_expands_later(protocol: str) -> None:
    raw = request_body(input=[{"role": "user", "content": "hi"}, {"type": "compaction_trigger"}])
    conversion = opened(protocol, raw)
    assert "tools" not in jsontext.loads(conversion.body)
    events = referee.read(replay(conversion, [jsontext.dumps(WHOLE[protocol])]))
    (item,) = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert item["type"] == "compaction"
    later = opened(protocol, request_body(input=[item, {"role": "user", "content": "go on"}]))
    assert b"The summary:\\n\\nHi" in later.body


@EACH_PROTOCOL
@pytest.mark.parametrize("compact", [False, True])
def test_a_history_too_large_to_be_summarised_is_told_as_such(protocol: str, compact: bool) -> None:
    """Codex then shortens it and asks again."""
    raw = request_body(input=[{"role": "user", "content": "hi"}, {"type": "compaction_trigger"}])
    response = refused(opened(protocol, raw, compact=compact), 413, b"<html>Request Entity Too Large</html>")
    assert (response.status, jsontext.loads(response.body)["error"]["code"]) == (400, "context_length_exceeded")


@EACH_PROTOCOL
def test_a_refused_tool_is_not_offered(protocol: str) -> None:
    dialect = ONE_DIALECT[protocol].model_copy(update={"refused_tools": ("ru?",)})
    conversion = open_with(Upstream("Acme", protocol, "m", dialect), request_body())
    assert "tools" not in jsontext.loads(conversion.body)
    assert [loss.path for loss in conversion.losses] == ["tools[0]"]


@EACH_PROTOCOL
def test_the_compact_endpoint_answers_whole(protocol: str) -> None:
    conversion = opened(protocol, request_body(stream=False), compact=True)
    replay(conversion, [jsontext.dumps(WHOLE[protocol])])
    body = jsontext.loads(conversion.whole().body)
    assert body["object"] == "response.compaction"
    assert [item["type"] for item in body["output"]].count("compaction") == 1


def test_a_keepalive_is_a_data_line() -> None:
    (line,) = opened("chat").keepalive()
    assert b"\ndata: {" in line


@pytest.mark.parametrize("raw", [{}, {"model": None}, {"model": ""}, {"model": 5}])
def test_a_request_without_a_model_is_refused(raw: Json) -> None:
    with pytest.raises(RequestError) as caught:
        model_of(raw)
    assert caught.value.param == "model"


SIGNATURE = (
    b'{"error":{"type":"invalid_request_error","message":"messages.1: Invalid `signature` in `thinking` block"}}'
)


def test_a_question_can_be_asked_again_without_thinking_that_was_refused() -> None:
    sealed = seal.wrap("anthropic", {"from": "anthropic", "thinking": "hm", "signature": "sig"})
    thought = {"type": "reasoning", "summary": [], "encrypted_content": sealed}
    message = {"role": "assistant", "content": "I looked."}
    raw = request_body(
        input=[{"role": "user", "content": "hi"}, thought, message, {"role": "user", "content": "go on"}]
    )
    first, second = opened("anthropic", raw), opened("anthropic", raw, reasoning_stripped=True)
    assert (b'"signature":"sig"' in first.body, b'"signature"' in second.body) == (True, False)
    assert b"I looked." in second.body
    assert "all earlier thinking" in [loss.what for loss in second.losses]
    again = opened("anthropic", raw)
    for conversion, status in ((first, 400), (again, 429), (second, 400)):
        conversion.refused(status, {}, SIGNATURE)
    assert first.blames_reasoning
    assert not again.blames_reasoning
    assert not second.blames_reasoning, "it holds none any more"


def test_it_is_known_what_may_pass_unconverted() -> None:
    assert passes_as_it_is(request_body())
    assert not passes_as_it_is(
        request_body(input=[{"type": "reasoning", "summary": [], "encrypted_content": "tcx1.x.e30"}])
    )


@EACH_PROTOCOL
def test_the_tokens_are_told_in_the_form_of_a_responses_answer(protocol: str) -> None:
    conversion = opened(protocol)
    assert conversion.usage is None
    replay(conversion, [STREAMS[protocol]])
    assert conversion.usage and (conversion.usage["input_tokens"], conversion.usage["output_tokens"]) == (9, 5)


# --- limits ---


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
@pytest.mark.parametrize("cut", [1, 100, 100_000])
def test_an_event_beyond_the_limit_is_the_end(protocol: str, cut: int) -> None:
    conversion = opened(protocol, event_limit=1000)
    conversion.commit()
    stream = b"data: " + b'"' + b"x" * 5000
    records = [piece for at in range(0, len(stream), cut) for piece in conversion.feed(stream[at : at + cut])]
    assert conversion.failed
    client_stream = b"".join(records)
    assert client_stream.count(b"event: response.failed") == 1
    assert b'"code":"invalid_prompt"' in client_stream
    assert b"Acme sent an event of more than 0.000953674 MiB (option event_limit)" in client_stream
    assert conversion.close() == []


@EACH_PROTOCOL
@given(places=st.lists(st.integers(0, 10_000), max_size=10))
def test_what_came_before_an_event_beyond_the_limit_is_told(protocol: str, places: list[int]) -> None:
    stream = STREAMS[protocol].replace(b"llo", b"l" * 3000)
    whole = replay(opened(protocol, event_limit=1000), [stream])
    assert "H\u00e9".encode() in whole and b"option event_limit" in whole
    assert replay(opened(protocol, event_limit=1000), cut_at(stream, places)) == whole


@EACH_PROTOCOL
@pytest.mark.parametrize("stream", [True, False])
def test_a_body_beyond_the_limit_is_the_end(protocol: str, stream: bool) -> None:
    conversion = opened(protocol, request_body(stream=stream), event_limit=1000, client="other")
    for _ in range(20):
        conversion.feed(b'{"x": "' + b"x" * 100)
    assert conversion.failed
    assert conversion.fault and (conversion.fault.kind, conversion.fault.status) == ("bad_request", 502)
    if not stream:
        assert conversion.whole().status == 502


@EACH_PROTOCOL
def test_an_answer_within_the_limits_is_as_without(protocol: str) -> None:
    chunks = [STREAMS[protocol]]
    assert replay(opened(protocol, event_limit=1000), chunks) == replay(opened(protocol), chunks)


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
@pytest.mark.parametrize(
    "sign",
    [b": keepalive\n\n", b'event: ping\ndata: {"type":"ping"}\n\n', b'data: {"type":"keepalive"}\n\n', b"\n", b" "],
)
def test_signs_of_life_are_no_progress(protocol: str, sign: bytes) -> None:
    conversion = opened(protocol)
    for _ in range(5):
        conversion.feed(sign)
    assert conversion.progress == 0
    assert not conversion.failed


@pytest.mark.parametrize("protocol", sorted(STREAMS))
def test_all_that_is_said_is_progress(protocol: str) -> None:
    conversion = opened(protocol)
    for event in STREAMS[protocol].split(b"\n\n")[:-3]:
        before = conversion.progress
        conversion.feed(event + b"\n\n")
        says_something = any(word in event for word in (b"Let", b"Hm", b"llo", b"cmd"))
        assert conversion.progress > before or not says_something, event


def test_what_a_responses_upstream_says_is_progress() -> None:
    conversion = opened("responses")
    conversion.feed(b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"x"}\n\n')
    assert conversion.progress == 1


@EACH_PROTOCOL
def test_a_failure_within_the_stream_ends_the_answer(protocol: str) -> None:
    conversion = opened(protocol)
    conversion.feed(b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n')
    assert conversion.failed


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_providers_own_fields_are_joined_with_the_converted_ones(protocol: str) -> None:
    dialects: dict[str, Dialect] = {
        "responses": ResponsesDialect(extra_body={"reasoning": {"summary": "none"}}),
        "chat": ChatDialect(effort="reasoning", efforts=("high",), extra_body={"reasoning": {"exclude": True}}),
        "anthropic": AnthropicDialect(
            thinking="adaptive", efforts=("high",), extra_body={"output_config": {"cite": True}}
        ),
    }
    raw = request_body(reasoning={"effort": "high"})
    sent = jsontext.loads(open_with(Upstream("Up", protocol, "m", dialects[protocol]), raw).body)
    joined = {
        "responses": {"effort": "high", "summary": "none"},
        "chat": {"effort": "high", "exclude": True},
        "anthropic": {"effort": "high", "cite": True},
    }
    assert sent["output_config" if protocol == "anthropic" else "reasoning"] == joined[protocol]


@EACH_PROTOCOL
@pytest.mark.parametrize("echoed", ["metadata", "tools", "user"])
def test_whatever_a_request_may_hold_can_be_echoed(protocol: str, echoed: str) -> None:
    """What could be read and not written was an answer without an end."""
    deep: Any = {"type": "custom", "name": "a", "format": {}}
    inner = deep["format"]
    for _ in range(jsontext.MOST_LEVELS - 4):
        inner["a"] = inner = {}
    body = jsontext.dumps(request_body(**{echoed: [deep] if echoed == "tools" else deep, "top_logprobs": 2**64 - 1}))
    stream = replay(opened(protocol, load(body)), [STREAMS[protocol]])
    *_, last = stream.split(b"event: ")
    assert last.startswith(b"response.completed")
    with pytest.raises(RequestError) as caught:
        load(body.replace(b"{}", b'{"a":{"a":{}}}'))
    assert str(caught.value.param).startswith(echoed)


@pytest.mark.parametrize(("own_date", "wait"), [({}, 42), ({"Date": "Tue, 14 Nov 2023 22:14:00 GMT"}, 2)])
def test_a_date_to_wait_for_is_taken_by_the_upstreams_clock_or_else_by_ours(
    own_date: dict[str, str], wait: int
) -> None:
    conversion = opened("chat")
    conversion.refused(429, {"retry-after": formatdate(NOW + 42, usegmt=True), **own_date}, b"")
    assert conversion.fault is not None and conversion.fault.retry_after == wait
