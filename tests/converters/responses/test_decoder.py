import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import seal, sse
from converters.events import (
    CallDelta,
    CallStarted,
    Event,
    Failed,
    Finished,
    ReasoningDelta,
    ReasoningSealed,
    Started,
    TextDelta,
    UsageReported,
)
from converters.jsontext import Json, dumps
from converters.responses.decoder import ResponsesDecoder
from converters.responses.encoder import CONTINUED_FAMILY
from tests.steps import steps

CORPUS = Path(__file__).parents[3].parent / "shared" / "corpus" / "responses"
STREAMS = sorted(CORPUS.glob("*/*.sse"))

DONE = {"type": "response.completed", "response": {"status": "completed", "output": []}}


def decoded(*bodies: Json) -> list[Event]:
    decoder = ResponsesDecoder("Who")
    return [event for body in bodies for event in decoder.feed(sse.Message("", dumps(body)))] + decoder.close()


def item(step: str, index: int = 0, **body: Any) -> Json:
    return {"type": f"response.output_item.{step}", "output_index": index, "item": body}


def piece(kind: str, index: int = 0, **body: Any) -> Json:
    return {"type": f"response.{kind}", "output_index": index, **body}


def call(arguments: str = "", **body: Any) -> Json:
    return {"type": "function_call", "call_id": "c", "name": "f", "arguments": arguments, **body}


TEXT_PART = {"type": "output_text", "text": "ab"}
END = [Started("", ""), Finished("stop")]
CALL_END = [Started("", ""), Finished("tool_calls")]


def test_the_first_response_says_who_answers() -> None:
    created = {"type": "response.created", "response": {"id": "resp_1", "model": "m"}}
    assert decoded(created, {**created, "type": "response.in_progress"}, DONE)[:-1] == [Started("resp_1", "m")]


def test_texts_and_refusals_are_text() -> None:
    events = decoded(piece("output_text.delta", delta="a"), piece("refusal.delta", delta="b", content_index=1), DONE)
    assert events == [TextDelta("a"), TextDelta("b"), *END]


def test_what_deltas_told_is_not_told_again() -> None:
    part = {"type": "output_text", "text": "ab"}
    events = decoded(
        piece("output_text.delta", delta="a", content_index=0),
        piece("output_text.delta", delta="b", content_index=0),
        piece("output_text.done", text="ab", content_index=0),
        item("done", type="message", content=[part]),
        {"type": "response.completed", "response": {"output": [{"type": "message", "content": [part]}]}},
    )
    assert events == [TextDelta("a"), TextDelta("b"), *END]


@pytest.mark.parametrize(
    "event",
    [
        piece("output_text.done", text="ab", content_index=0),
        piece("refusal.done", refusal="ab", content_index=0),
        item("done", type="message", content=[{"type": "output_text", "text": "ab"}]),
        item("done", type="message", content=[{"type": "refusal", "refusal": "ab"}]),
    ],
)
def test_a_text_that_comes_whole_is_told_once(event: Json) -> None:
    assert decoded(event, event, DONE) == [TextDelta("ab"), *END]


def test_a_whole_text_adds_what_its_deltas_left_out() -> None:
    assert decoded(piece("output_text.delta", delta="a"), piece("output_text.done", text="ab"), DONE) == [
        TextDelta("a"),
        TextDelta("b"),
        *END,
    ]


def test_an_item_is_known_by_its_place_where_ids_change() -> None:
    events = decoded(
        piece("output_text.delta", item_id="x1", delta="ab"),
        item("done", type="message", id="x2", content=[{"type": "output_text", "text": "ab"}]),
        DONE,
    )
    assert events == [TextDelta("ab"), *END]


def test_items_without_ids_are_told_apart_by_their_places() -> None:
    texts = [piece("output_text.delta", index=index, delta="a") for index in (0, 1)]
    wholes = [piece("output_text.done", index=index, text="ab") for index in (0, 1)]
    assert decoded(*texts, *wholes, DONE)[:4] == [TextDelta("a"), TextDelta("a"), TextDelta("b"), TextDelta("b")]


def test_an_item_is_found_again_where_one_event_leaves_out_its_place() -> None:
    events = decoded(
        piece("output_text.delta", index=0, item_id="msg_1", delta="ab"),
        {"type": "response.output_item.done", "item": {"type": "message", "id": "msg_1", "content": [TEXT_PART]}},
        DONE,
    )
    assert events == [TextDelta("ab"), *END]


def test_parts_may_be_numbered_otherwise_in_the_deltas() -> None:
    events = decoded(
        piece("output_text.delta", content_index=1, delta="ab"),
        item("done", type="message", content=[TEXT_PART]),
        DONE,
    )
    assert events == [TextDelta("ab"), *END]


def test_an_item_without_a_place_is_known_by_its_id() -> None:
    events = decoded(
        {"type": "response.output_item.added", "item": call(id="fc_1")},
        {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "delta": "{}"},
        {"type": "response.output_item.done", "item": call("{}", id="fc_1")},
        DONE,
    )
    assert events == [CallStarted("c", "f"), CallDelta("c", "{}"), *CALL_END]


# --- thinking ---


@pytest.mark.parametrize("kind", ["reasoning_summary_text", "reasoning_text"])
def test_summaries_and_raw_thoughts_are_thinking(kind: str) -> None:
    events = decoded(piece(f"{kind}.delta", delta="a"), piece(f"{kind}.done", text="ab"), DONE)
    assert events == [ReasoningDelta("a"), ReasoningDelta("b"), *END]


def test_the_parts_of_a_summary_are_paragraphs() -> None:
    events = decoded(
        piece("reasoning_summary_text.delta", delta="a", summary_index=0),
        piece("reasoning_summary_text.delta", delta="b", summary_index=1),
        piece("reasoning_summary_text.delta", delta="c", summary_index=1),
        DONE,
    )
    assert events[:3] == [ReasoningDelta("a"), ReasoningDelta("\n\nb"), ReasoningDelta("c")]


def test_the_seal_of_a_done_item_comes_after_its_thinking() -> None:
    events = decoded(
        item("done", type="reasoning", summary=[{"type": "summary_text", "text": "a"}], encrypted_content="gAAA"),
        DONE,
    )
    assert events == [ReasoningDelta("a"), ReasoningSealed("gAAA"), *END]


def test_the_seal_of_an_added_item_may_be_half_and_is_not_told() -> None:
    assert decoded(item("added", type="reasoning", summary=[], encrypted_content="gA"), DONE) == END


def test_an_open_seal_is_no_event() -> None:
    assert decoded(item("done", type="reasoning", summary=[], encrypted_content=seal.OPEN), DONE) == END


def test_the_mark_of_a_continued_answer_is_no_event() -> None:
    mark = seal.wrap(CONTINUED_FAMILY, 1)
    end = {"type": "response.completed", "response": {"end_turn": False}}
    events = decoded(item("done", type="reasoning", summary=[], encrypted_content=mark), end)
    assert events == [Started("", ""), Finished("pause")]


# --- calls ---


def test_arguments_come_as_they_are_streamed() -> None:
    events = decoded(
        item("added", **call()),
        piece("function_call_arguments.delta", delta='{"a"'),
        piece("function_call_arguments.delta", delta=":1}"),
        piece("function_call_arguments.done", arguments='{"a":1}'),
        item("done", **call('{"a":1}')),
        DONE,
    )
    assert events == [CallStarted("c", "f"), CallDelta("c", '{"a"'), CallDelta("c", ":1}"), *CALL_END]


@pytest.mark.parametrize(
    "events",
    [
        [item("added", **call()), piece("function_call_arguments.done", arguments="{}"), item("done", **call("{}"))],
        [item("added", **call()), item("done", **call("{}"))],
        [item("done", **call("{}"))],
        [{"type": "response.completed", "response": {"output": [call("{}")]}}],
    ],
)
def test_arguments_that_come_whole_are_told_once(events: list[Json]) -> None:
    result = decoded(*events, DONE)
    assert [event for event in result if isinstance(event, CallStarted | CallDelta)] == [
        CallStarted("c", "f"),
        CallDelta("c", "{}"),
    ]


@pytest.mark.parametrize(
    ("body", "name", "arguments"),
    [
        (call("{}", namespace="mcp__x"), "mcp__x__f", "{}"),
        (call("{}", namespace="functions"), "f", "{}"),
        ({"type": "custom_tool_call", "call_id": "c", "name": "p", "input": "x\n"}, "p", '{"input":"x\\n"}'),
        ({"type": "tool_search_call", "call_id": "c", "arguments": {"query": "q"}}, "tool_search", '{"query":"q"}'),
    ],
)
def test_any_call_is_told_as_one_of_a_plain_function(body: Json, name: str, arguments: str) -> None:
    assert decoded(item("done", **body), DONE)[:2] == [CallStarted("c", name), CallDelta("c", arguments)]


# --- ends ---


def end_of(kind: str, **response: Any) -> Event:
    return decoded({"type": f"response.{kind}", "response": response})[-1]


def test_each_end_has_its_reason() -> None:
    assert end_of("completed") == Finished("stop")
    assert end_of("completed", end_turn=False) == Finished("pause")
    assert end_of("incomplete", incomplete_details={"reason": "max_output_tokens"}) == Finished("length")
    assert end_of("incomplete", incomplete_details={"reason": "content_filter"}) == Finished("content_filter")
    assert end_of("incomplete") == Finished("length")


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (
            {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "oops"}}},
            "server",
            "oops",
        ),
        ({"type": "error", "code": "rate_limit_exceeded", "message": "slow"}, "rate_limited", "slow"),
        ({"type": "error", "error": {"code": "insufficient_quota", "message": "pay"}}, "quota", "pay"),
        ({"error": {"message": "maximum context length"}}, "context_overflow", "maximum context length"),
        ({"type": "response.cancelled", "response": {"status": "cancelled"}}, "server", "cancelled"),
    ],
)
def test_each_form_of_failure_is_told(body: Json, kind: str, said: str) -> None:
    last = decoded(body, DONE)[-1]
    assert isinstance(last, Failed)
    assert last.fault.kind == kind
    assert last.fault.message.startswith("Who")
    assert said in last.fault.message


def test_a_stream_that_only_stops_was_cut() -> None:
    (last,) = decoded(piece("output_text.delta", delta=""))
    assert isinstance(last, Failed)
    assert last.fault.kind == "cut"


def test_usage_comes_before_the_end() -> None:
    usage = {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
    }
    events = decoded({"type": "response.completed", "response": {"usage": usage}})
    assert events[1:] == [UsageReported(9, 5, cached_tokens=4, reasoning_tokens=2), Finished("stop")]


def test_nothing_comes_after_the_end() -> None:
    assert decoded(DONE, piece("output_text.delta", delta="a"), DONE) == END


# --- what no specification holds ---


@pytest.mark.parametrize("data", [b"[DONE]", b"", b"{", b"[]", b"null", b'"x"', b'{"type": 3}', b"{}"])
def test_what_is_no_event_is_passed_over(data: bytes) -> None:
    decoder = ResponsesDecoder("Who")
    assert decoder.feed(sse.Message("", data)) == []
    assert decoder.feed(sse.Message("", dumps(DONE))) == END


def test_the_type_may_stand_on_the_event_line_alone() -> None:
    message = sse.Message("response.output_text.delta", b'{"delta": "a"}')
    assert ResponsesDecoder("Who").feed(message) == [TextDelta("a")]


KEYS = ["type", "item", "response", "output", "content", "summary", "delta", "text", "arguments", "error", "status"]
KEYS += ["output_index", "content_index", "item_id", "id", "call_id", "name", "namespace", "usage", "input_tokens"]
WORDS = [
    "message",
    "reasoning",
    "function_call",
    "response.output_item.done",
    "response.output_text.delta",
    "response.function_call_arguments.done",
    "response.completed",
    "error",
    "output_text",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
)


FIELDS = st.dictionaries(st.sampled_from(KEYS), JSON, max_size=5)
EVENTS = st.one_of(FIELDS, st.builds(lambda kind, fields: {**fields, "type": kind}, st.sampled_from(WORDS), FIELDS))


@given(st.lists(EVENTS, max_size=5), JSON)
def test_no_json_makes_it_raise(bodies: list[Json], whole: Any) -> None:
    events = decoded(*bodies)
    assert sum(isinstance(event, Finished | Failed) for event in events) == 1
    decoder = ResponsesDecoder("Who")
    assert isinstance([*decoder.whole(whole), *decoder.close()][-1], Finished | Failed)


# --- recorded answers ---


def recorded(path: Path) -> list[Event]:
    decoder = ResponsesDecoder("Who")
    if path.suffix == ".json":
        return decoder.whole(json.loads(path.read_bytes())) + decoder.close()
    parser = sse.Parser()
    messages = parser.feed(path.read_bytes()) + parser.close()
    return [event for message in messages for event in decoder.feed(message)] + decoder.close()


if STREAMS:

    @pytest.mark.parametrize("path", STREAMS, ids=lambda path: f"{path.parent.name}/{path.stem}")
    def test_a_recorded_stream_says_what_its_items_say(path: Path) -> None:
        parser = sse.Parser()
        bodies = []
        for message in parser.feed(path.read_bytes()) + parser.close():
            if message.data.startswith(b"{"):
                bodies.append(json.loads(message.data))
        items = [body["item"] for body in bodies if body.get("type") == "response.output_item.done"]
        texts = [
            part.get("text") or part.get("refusal")
            for item in items
            for part in item.get("content") or []
            if item["type"] == "message"
        ]
        calls = [(item["call_id"], item["arguments"]) for item in items if item["type"] == "function_call"]
        result = recorded(path)
        assert isinstance(result[-1], Finished | Failed)
        if isinstance(result[-1], Finished):
            assert "".join(element.text for element in result if isinstance(element, TextDelta)) == "".join(
                filter(None, texts)
            )
            for call_id, arguments in calls:
                deltas = [
                    element.arguments
                    for element in result
                    if isinstance(element, CallDelta) and element.call_id == call_id
                ]
                assert "".join(deltas) == arguments


def test_what_is_told_again_and_again_is_told_once_and_costs_little() -> None:
    done = [item("done", type="message", content=[TEXT_PART]), piece("output_text.done", text="ab", content_index=0)]
    assert decoded(*done * 3, DONE)[:-2] == [TextDelta("ab")]

    def work(count: int) -> int:
        pieces = [piece("output_text.delta", delta="a", content_index=0)] * count
        return steps(lambda: decoded(*pieces, *[done[0], done[1]] * count, DONE))

    work(10)
    assert work(2000) < 12 * work(200)
