"""Answers of other protocols in which something is not as it should be: what can be read is told."""

from typing import Any

import pytest

from converters import jsontext
from converters.jsontext import Json
from tests import referee, stream_laws
from tests.converters.conversions import EACH_PROTOCOL, STREAMS, opened, replay, request_body

PATCH = {"type": "custom", "name": "apply_patch", "description": "Changes files.", "format": {"type": "text"}}
DONE = b"data: [DONE]\n\n"


def chat(delta: Any, finish: Any = None, **fields: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: %b\n\n" % jsontext.dumps({"id": "c1", "model": "m", "choices": [choice], **fields})


def anthropic(kind: str, **fields: Any) -> bytes:
    return b"data: %b\n\n" % jsontext.dumps({"type": kind, **fields})


def block(index: int, kind: str, *deltas: Json, **start: Any) -> bytes:
    result = [anthropic("content_block_delta", index=index, delta=delta) for delta in deltas]
    return anthropic("content_block_start", index=index, content_block={"type": kind, **start}) + b"".join(result)


START = anthropic("message_start", message={"id": "msg_1", "model": "m"})
STOP = anthropic("message_stop")


def end(reason: Any = "end_turn", **fields: Any) -> bytes:
    return anthropic("message_delta", delta={"stop_reason": reason}, **fields) + STOP


def converted(protocol: str, stream: bytes, **asked: Any) -> tuple[Json, list[str]]:
    """The terminal event, and the places of what was lost."""
    conversion = opened(protocol, request_body(**asked))
    events = referee.read(replay(conversion, [stream]))
    stream_laws.check(events)
    assert conversion.surprise == ""
    return events[-1], [loss.path for loss in conversion.losses]


def texts(response: Json) -> list[str]:
    return [part["text"] for item in response["output"] if item["type"] == "message" for part in item["content"]]


# --- one field of the wrong type ---

HELLO = chat({"content": "Hello"})
FINISH = chat({}, "stop") + DONE
SAID = block(0, "text", {"type": "text_delta", "text": "Hello"})


@pytest.mark.parametrize("odd", ["x", ["x"], {"x": 1}, 7, True, 1e40], ids=repr)
@pytest.mark.parametrize("field", ["content", "reasoning_content", "tool_calls", "function_call", "refusal"])
def test_a_field_of_a_chat_delta_that_cannot_be_read_spoils_nothing_else(field: str, odd: Any) -> None:
    last, _ = converted("chat", HELLO + chat({field: odd}) + FINISH)
    assert last["type"] == "response.completed"
    assert "".join(texts(last["response"])).startswith("Hello")


@pytest.mark.parametrize(
    ("stream", "lost"),
    [
        (HELLO + chat({"tool_calls": None}) + FINISH, []),
        (HELLO + chat({"content": 7}) + FINISH, ["answer.choices[0].delta.content"]),
        (HELLO + chat({}, usage="many") + FINISH, ["answer.usage"]),
        (HELLO + chat({}, usage=[1]) + FINISH, ["answer.usage"]),
        (HELLO + chat({}, usage={"prompt_tokens": 1e40}) + FINISH, ["answer.usage.prompt_tokens"]),
        (HELLO + chat([1]) + FINISH, ["answer.choices[0].delta"]),
        (HELLO + b'data: {"choices": [7]}\n\n' + FINISH, ["answer.choices[]"]),
        (HELLO + b'data: {"choices": "x"}\n\n' + FINISH, ["answer.choices"]),
        (HELLO + chat({}, 7) + FINISH, ["answer.choices[0].finish_reason"]),
        (HELLO.replace(b'"c1"', b'["c1"]') + FINISH, ["answer.id"]),
        (HELLO.replace(b'"index":0', b'"index":"x"') + FINISH, ["answer.choices[].index"]),
    ],
)
def test_what_cannot_be_read_of_a_chat_answer_is_a_loss(stream: bytes, lost: list[str]) -> None:
    last, losses = converted("chat", stream)
    assert last["type"] == "response.completed"
    assert texts(last["response"]) == ["Hello"]
    assert losses == lost


@pytest.mark.parametrize(
    ("stream", "lost"),
    [
        (START + SAID + end(usage="many"), ["answer.usage"]),
        (START + SAID + end(usage={"output_tokens": 1e40}), ["answer.usage.output_tokens"]),
        (anthropic("message_start", message=[1]) + SAID + end(), ["answer.message"]),
        (
            START + SAID + anthropic("content_block_delta", index="x", delta={"type": "text_delta"}) + end(),
            ["answer.index"],
        ),
        (START + SAID + anthropic("content_block_delta", index=0, delta=7) + end(), ["answer.delta"]),
        (START + SAID + block(1, "text", {"type": "text_delta", "text": [7]}) + end(), ["answer.text"]),
        (START + SAID + block(1, "thinking", thinking={"x": 1}) + end(), ["answer.thinking"]),
        (START + SAID + anthropic("content_block_start", index=1, content_block="x") + end(), ["answer.content_block"]),
        (START + SAID + anthropic("message_delta", delta=["x"]) + end(), ["answer.delta"]),
        (START + SAID + end(stop_details=7), []),
    ],
)
def test_what_cannot_be_read_of_an_anthropic_answer_is_a_loss(stream: bytes, lost: list[str]) -> None:
    last, losses = converted("anthropic", stream)
    assert last["type"] == "response.completed"
    assert texts(last["response"]) == ["Hello"]
    assert losses == lost


@EACH_PROTOCOL
@pytest.mark.parametrize("count", [10**40, 2**64, -1, 1e300])
def test_no_count_keeps_a_client_waiting(protocol: str, count: float) -> None:
    stream = STREAMS[protocol].replace(b":9", b":%b" % str(count).encode())
    last, losses = converted(protocol, stream)
    assert last["type"] == "response.completed"
    assert last["response"]["usage"]["input_tokens"] == 0
    assert len(losses) == 1


@EACH_PROTOCOL
def test_a_failure_speaks_of_the_answer(protocol: str) -> None:
    last, _ = converted(protocol, STREAMS[protocol][:200] + b'\n\ndata: {"choices": [}\n\n')
    assert (
        last["response"]["error"]["message"]
        == {
            "chat": "Acme sent a chunk that is not JSON, or nested too deep",
            "anthropic": "Acme sent a message that is not JSON, or nested too deep",
        }[protocol]
    )


# --- half a call ---


@pytest.mark.parametrize("tool", ["run", "apply_patch"])
@pytest.mark.parametrize(
    ("protocol", "stream"),
    [
        (
            "chat",
            HELLO
            + chat(
                {
                    "tool_calls": [
                        {"index": 0, "id": "a", "function": {"name": "TOOL", "arguments": '{"input": "*** Be'}}
                    ]
                }
            )
            + DONE,
        ),
        (
            "anthropic",
            START
            + block(
                0, "tool_use", {"type": "input_json_delta", "partial_json": '{"input": "*** Be'}, id="a", name="TOOL"
            )
            + anthropic("content_block_stop", index=0)
            + STOP,
        ),
    ],
)
def test_half_a_call_is_not_released_by_an_orderly_end(protocol: str, stream: bytes, tool: str) -> None:
    result = request_body()["tools"]
    last, _ = converted(protocol, stream.replace(b"TOOL", tool.encode()), tools=[*result, PATCH])
    assert last["type"] == "response.failed"
    assert "Acme" in last["response"]["error"]["message"]


# --- half a character ---


@pytest.mark.parametrize("field", ["content", "reasoning_content"])
@pytest.mark.parametrize(
    "between", [b"", b": still here\n\n", chat({"content": ""}), chat({}, usage={"prompt_tokens": 1})]
)
def test_halves_of_a_chat_text_are_joined(field: str, between: bytes) -> None:
    first = chat({field: "a H"}).replace(b"H", rb"\ud83d")
    last, _ = converted("chat", first + between + chat({field: "L b"}).replace(b"L", rb"\ude00") + FINISH)
    assert "a 😀 b" in jsontext.dumps(last["response"]["output"]).decode()


@EACH_PROTOCOL
def test_halves_of_arguments_are_joined_also_where_calls_interleave(protocol: str) -> None:
    def piece(index: int, text: bytes) -> bytes:
        if protocol == "chat":
            return chat({"tool_calls": [{"index": index, "function": {"arguments": "X"}}]}).replace(b"X", text)
        delta = {"type": "input_json_delta", "partial_json": "X"}
        return anthropic("content_block_delta", index=index, delta=delta).replace(b"X", text)

    def start(index: int) -> bytes:
        if protocol == "chat":
            return chat({"tool_calls": [{"index": index, "id": f"c{index}", "function": {"name": "run"}}]})
        return block(index, "tool_use", id=f"c{index}", name="run", input={})

    halves = [rb"{\"cmd\": \"\ud83d", rb"\ude00\"}"]
    body = start(0) + start(1) + b"".join(piece(index, half) for half in halves for index in (0, 1))
    stream = body + chat({}, "tool_calls") + DONE if protocol == "chat" else START + body + end("tool_use")
    last, _ = converted(protocol, stream)
    assert [item["arguments"] for item in last["response"]["output"]] == ['{"cmd": "😀"}'] * 2


@pytest.mark.parametrize("kind", ["text", "thinking"])
def test_halves_of_an_anthropic_text_are_joined_and_sealed_whole(kind: str) -> None:
    deltas = [{"type": f"{kind}_delta", kind: "X"}, {"type": f"{kind}_delta", kind: "Y"}]
    body = block(0, kind, *deltas, {"type": "signature_delta", "signature": "sig"})
    stream = START + body.replace(b"X", rb"\ud83d").replace(b"Y", rb"\ude00") + SAID.replace(b":0", b":1") + end()
    last, losses = converted("anthropic", stream)
    assert "😀" in jsontext.dumps(last["response"]["output"]).decode()
    assert losses == []


@EACH_PROTOCOL
def test_half_a_character_at_the_end_is_told_as_one_that_is_missing(protocol: str) -> None:
    result = HELLO + chat({"content": "X"}) + FINISH
    if protocol == "anthropic":
        result = (
            START + SAID + anthropic("content_block_delta", index=0, delta={"type": "text_delta", "text": "X"}) + end()
        )
    last, _ = converted(protocol, result.replace(b'"X"', rb'"\ud83d"'))
    assert texts(last["response"]) == ["Hello\ufffd"]


# --- how much ---


@pytest.mark.parametrize("protocol", ["chat", "anthropic"])
def test_calls_without_end_are_a_clear_failure(protocol: str) -> None:
    def call(index: int) -> bytes:
        if protocol == "chat":
            return chat({"tool_calls": [{"index": index, "id": "a", "function": {"name": "run", "arguments": "{}"}}]})
        return block(index, "tool_use", id="a", name="run", input={})

    calls = b"".join(map(call, range(12_000)))
    conversion = opened(protocol)
    result = b"".join(conversion.feed(START + calls if protocol == "anthropic" else calls))
    assert conversion.failed
    assert b"more than 10,000 messages, thoughts and calls" in result
    assert b"function_call_arguments.done" not in result
    assert conversion.feed(calls) + conversion.close() == []
