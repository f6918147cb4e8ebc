"""A complete response without text or call: a failure while the client has read nothing, and else what it is."""

from typing import Any

import pytest

from converters import jsontext
from converters.chat.dialect import ChatDialect
from converters.conversion import Conversion, Upstream
from converters.errors import Fault
from converters.jsontext import Json
from tests.converters.conversions import open_with, opened, replay, request_body, waited


def record(**event: Any) -> bytes:
    return f"event: {event['type']}\ndata: ".encode() + jsontext.dumps(event) + b"\n\n"


def chat(delta: Json, finish_reason: str = "stop") -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return b"data: %b\n\ndata: [DONE]\n\n" % jsontext.dumps({"id": "chatcmpl-7", "model": "m", "choices": [choice]})


def responses(*output: Json, status: str = "completed") -> bytes:
    response = {"id": "resp_7", "object": "response", "status": status, "output": list(output)}
    return record(type="response.created", response={"id": "resp_7"}) + record(
        type=f"response.{status}", response=response
    )


NOTHING = {
    "chat": chat({"role": "assistant", "content": ""}),
    "anthropic": record(type="message_start", message={"id": "msg_7", "model": "m", "usage": {"input_tokens": 9}})
    + record(type="message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 1})
    + record(type="message_stop"),
    "responses": responses(),
}
EMPTY = Fault("empty", "Acme answered with nothing")
EACH = pytest.mark.parametrize("protocol", NOTHING)


@EACH
def test_a_stream_without_content_fails_before_its_client_reads_it(protocol: str) -> None:
    conversion = opened(protocol)
    assert waited(conversion, [NOTHING[protocol]]) == b""
    assert conversion.failed and conversion.fault == EMPTY


@EACH
def test_a_stream_without_content_is_delivered_as_it_is_where_nothing_follows(protocol: str) -> None:
    waiting, told = opened(protocol), opened(protocol)
    waited(waiting, [NOTHING[protocol]])
    response = waiting.whole()
    assert response.body == replay(told, [NOTHING[protocol]])
    assert (response.status, response.headers["content-type"]) == (200, "text/event-stream")
    assert told.fault is None, "its client has read it"


@EACH
def test_it_fails_as_soon_as_it_is_complete_wherever_it_is_cut(protocol: str) -> None:
    conversion = opened(protocol)
    for byte in NOTHING[protocol]:
        assert conversion.feed(bytes([byte])) == []
    assert conversion.failed and conversion.fault == EMPTY
    assert conversion.fail(Fault("timeout", "silent")) == [] and conversion.fault == EMPTY


@pytest.mark.parametrize("protocol", ["chat", "anthropic"])
def test_a_whole_response_without_content_fails_and_is_delivered(protocol: str) -> None:
    conversion = opened(protocol, request_body(stream=False))
    waited(conversion, [NOTHING[protocol]])
    assert conversion.fault == EMPTY
    response = conversion.whole()
    assert response.status == 200 and jsontext.loads(response.body)["status"] == "completed"


REASONING: Json = {"type": "reasoning", "id": "rs_1", "summary": []}


def said(*texts: str) -> Json:
    return {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": text} for text in texts],
    }


@pytest.mark.parametrize("output", [[], [REASONING], [said()], [REASONING, said("")]])
def test_a_whole_response_that_passes_may_be_empty_too(output: list[Json]) -> None:
    body = jsontext.dumps({"id": "resp_7", "status": "completed", "output": output})
    conversion = opened("responses", request_body(stream=False))
    waited(conversion, [body])
    assert conversion.fault == EMPTY
    assert (conversion.whole().status, conversion.whole().body) == (200, body)


@pytest.mark.parametrize(
    "response",
    [
        {"status": "completed", "output": [said("", "Hi")]},
        {"status": "completed", "output": [{"type": "function_call", "name": "run"}]},
        {"status": "completed", "output": [{"type": "of tomorrow"}]},
        {"status": "completed", "output": ["odd"]},
        {"status": "completed", "output": [{"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}]},
        {"status": "incomplete", "output": []},
        {"object": "response.compaction", "output": []},
        {"status": "completed"},
        [],
    ],
)
def test_a_whole_response_that_holds_something_or_is_no_complete_one_passes(response: Any) -> None:
    conversion = opened("responses", request_body(stream=False))
    waited(conversion, [jsontext.dumps(response)])
    assert conversion.fault is None


@pytest.mark.parametrize("output", [[said("Hi")], [{"type": "function_call", "name": "run"}]])
def test_what_stands_in_the_last_event_alone_is_content(output: list[Json]) -> None:
    conversion = opened("responses")
    assert waited(conversion, [responses(*output)]) and conversion.fault is None


def test_thoughts_alone_are_content_of_a_stream_that_shows_them() -> None:
    conversion = opened("chat")
    assert waited(conversion, [chat({"reasoning_content": "Hm."})]) and conversion.fault is None


def test_thoughts_alone_are_none_of_a_whole_response() -> None:
    conversion = opened("chat", request_body(stream=False))
    waited(conversion, [chat({"reasoning_content": "Hm."})])
    assert conversion.fault == EMPTY
    (item,) = jsontext.loads(conversion.whole().body)["output"]
    assert item["type"] == "reasoning"


def test_what_a_filter_stopped_is_not_empty() -> None:
    conversion = opened("chat", client="other")
    assert waited(conversion, [chat({}, "content_filter")]) and conversion.fault is None


def after_a_tool_output() -> Conversion:
    output = {"type": "function_call_output", "call_id": "call_1", "output": "done"}
    call = {"type": "function_call", "call_id": "call_1", "name": "run", "arguments": "{}"}
    dialect = ChatDialect(continue_on_empty=True)
    return open_with(Upstream("Acme", "chat", "m", dialect), request_body(input=[call, output]))


def test_a_turn_that_is_to_go_on_goes_on_where_nothing_else_follows() -> None:
    conversion = after_a_tool_output()
    assert waited(conversion, [NOTHING["chat"]]) == b"" and conversion.fault == EMPTY
    assert b'"end_turn":false' in conversion.whole().body
    told = after_a_tool_output()
    assert conversion.whole().body == replay(told, [NOTHING["chat"]])


def test_a_compaction_without_a_summary_stays_a_failure_of_its_own() -> None:
    conversion = opened("chat", request_body(input=[{"type": "compaction_trigger"}]))
    waited(conversion, [NOTHING["chat"]])
    assert conversion.fault and conversion.fault.kind == "server"


def test_a_compaction_that_passes_is_not_taken_for_empty() -> None:
    conversion = opened("responses", compact=True)
    waited(conversion, [b'{"object":"response.compaction","output":[{"type":"compaction"}]}'])
    assert conversion.fault is None
