"""Laws that hold for every answer, whatever the model says and however the events come."""

import itertools
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from converters import sse, tools
from converters.errors import Client
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
from converters.responses.encoder import Encoder
from tests import referee, stream_laws
from tests.strategies import REQUEST, answers, nonsense, toolbox

CLIENTS = st.sampled_from(["codex", "other"])
TERMINAL = {"response.completed", "response.incomplete", "response.failed"}


def encode(events: list[Event], client: Client = "codex", *, continue_on_length: bool = False) -> list[Json]:
    encoder = Encoder(REQUEST, toolbox(), created_at=1, client=client, continue_on_length=continue_on_length)
    return referee.read(encoder.feed(events) + encoder.close())


def decode(stream: bytes, *cuts: int) -> list[Event]:
    parser, decoder = sse.Parser(), ResponsesDecoder("Who")
    borders = [0, *sorted(cuts), len(stream)]
    pieces = [stream[start:end] for start, end in itertools.pairwise(borders)]
    messages = [message for piece in pieces for message in parser.feed(piece)] + parser.close()
    return [event for message in messages for event in decoder.feed(message)] + decoder.close()


@given(nonsense(), CLIENTS, st.booleans())
def test_one_terminal_event_ends_any_stream(events: list[Event], client: Client, goes_on: bool) -> None:
    result = encode(events, client, continue_on_length=goes_on)
    assert [event["type"] for event in result[:2]] == ["response.created", "response.in_progress"]
    assert [event["type"] in TERMINAL for event in result] == [False] * (len(result) - 1) + [True]
    assert [event["sequence_number"] for event in result] == list(range(len(result)))


@given(nonsense())
def test_no_delta_is_empty(events: list[Event]) -> None:
    assert all(event["delta"] for event in encode(events) if "delta" in event)


@given(nonsense(), CLIENTS)
def test_the_same_events_give_the_same_bytes(events: list[Event], client: Client) -> None:
    assert dumps(encode(events, client)) == dumps(encode(events, client))


@given(nonsense(), CLIENTS, st.booleans())
def test_openai_s_published_types_know_every_field(events: list[Event], client: Client, goes_on: bool) -> None:
    for event in encode(events, client, continue_on_length=goes_on):
        referee.check_event(event)


@given(nonsense(), CLIENTS, st.booleans())
@example(
    [ReasoningSealed("s"), CallStarted("", ""), Finished("length")], "codex", True
)  # a cut call is not gone on from
def test_what_is_streamed_is_what_the_end_says(events: list[Event], client: Client, goes_on: bool) -> None:
    result = encode(events, client, continue_on_length=goes_on)
    stream_laws.check(result)
    ids: dict[int, set[str]] = {}
    for event in result:
        if "output_index" in event and "item_id" in event:
            ids.setdefault(event["output_index"], set()).add(event["item_id"])
    output = result[-1]["response"]["output"]
    assert all(found == {output[index]["id"]} for index, found in ids.items())


@given(nonsense(), CLIENTS)
def test_openai_s_client_builds_the_same_items_from_the_deltas(events: list[Event], client: Client) -> None:
    stream_laws.check_with_openai(encode(events, client))


UNITS = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.just("😀")), min_size=1, max_size=8)


@given(UNITS, st.lists(st.integers(0, 16), max_size=6))
def test_a_text_is_the_same_wherever_its_characters_are_cut(text: str, places: list[int]) -> None:
    units = text.encode("utf-16-le", "surrogatepass")
    borders = [0, *sorted(min(2 * place, len(units)) for place in places), len(units)]
    cut = [units[start:end].decode("utf-16-le", "surrogatepass") for start, end in itertools.pairwise(borders)]
    for piece in (TextDelta, ReasoningDelta, lambda one: CallDelta("a", one)):
        opening: list[Event] = [CallStarted("a", "exec_command")]
        whole = encode([*opening, piece(text), Finished("stop")])
        pieces = encode([*opening, *map(piece, cut), Finished("stop")])
        assert pieces[-1]["response"] == whole[-1]["response"]


@given(nonsense())
def test_a_call_of_a_broken_answer_is_never_released(events: list[Event]) -> None:
    cut = [event for event in events if not isinstance(event, Finished | Failed)]
    done = [event["item"]["type"] for event in encode(cut) if event["type"] == "response.output_item.done"]
    assert set(done) <= {"message", "reasoning"}


# --- events -> stream -> events ---


@given(answers(), CLIENTS, st.booleans(), st.data())
def test_a_stream_gives_back_its_events(
    events: list[Event], client: Client, goes_on: bool, data: st.DataObject
) -> None:
    """The same texts, thoughts, seals and calls in the same order, the same arguments for each call, usage and end.

    What may differ: deltas are merged, arguments are compared by call (a custom tool's come whole), calls
    that were never finished have only what was streamed of them, and the end is told as the client was told it.
    """
    stream = b"".join(map(sse.encode, encode(events, client, continue_on_length=goes_on)))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=6))
    result = decode(stream, *cuts)
    assert isinstance(result[0], Started)
    assert collected(result) == collected(events)
    assert arguments(result) == released(events)
    assert usage(result) == usage(events)
    assert end(result) == expected_end(events, client, goes_on)


@given(answers().filter(lambda events: events[-1] in (Finished("stop"), Finished("tool_calls"))))
def test_a_whole_answer_gives_the_same_events_as_its_stream(events: list[Event]) -> None:
    result = encode(events)
    streamed = decode(b"".join(map(sse.encode, result)))
    whole = ResponsesDecoder("Who").whole(result[-1]["response"])
    assert collected(whole) == collected(streamed)
    assert usage(whole) == usage(streamed)
    assert end(whole) == end(streamed)
    if not any(".0" in text for text in arguments(streamed).values()):
        assert arguments(whole) == arguments(streamed)


def collected(events: list[Event]) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for event in events:
        match event:
            case TextDelta(text) | ReasoningDelta(text):
                kind = type(event).__name__
                before = found.pop()[1] if found and found[-1][0] == kind else ""
                found.append((kind, before + text))
            case ReasoningSealed(seal):
                found.append(("seal", seal))
            case CallStarted(call_id, name):
                found.append(("call", call_id, plain_name(name)))
    return found


def plain_name(name: str) -> str:
    function = toolbox().find(name)
    return function.name if function else tools.flat_name(name, None)


def arguments(events: list[Event]) -> dict[str, str]:
    found = {event.call_id: "" for event in events if isinstance(event, CallStarted)}
    for event in events:
        if isinstance(event, CallDelta):
            found[event.call_id] += event.arguments
    return found


def released(events: list[Event]) -> dict[str, str]:
    names = {event.call_id: event.name for event in events if isinstance(event, CallStarted)}
    finished = events[-1] in (Finished("stop"), Finished("tool_calls"), Finished("pause"))
    return {call_id: released_text(names[call_id], text, finished) for call_id, text in arguments(events).items()}


def released_text(name: str, text: str, finished: bool) -> str:
    function = toolbox().find(name)
    if function is None or function.kind == "function":
        return text if text.strip() or not finished else text + "{}"
    if not finished:
        return ""
    item: dict[str, Any] = tools.lift(function, name, "", text)
    return dumps({"input": item["input"]} if function.kind == "custom" else item["arguments"]).decode()


def usage(events: list[Event]) -> UsageReported | None:
    return next((event for event in reversed(events) if isinstance(event, UsageReported)), None)


def end(events: list[Event]) -> str:
    match events[-1]:
        case Finished(reason):
            return reason
        case last:
            return type(last).__name__


def expected_end(events: list[Event], client: Client, goes_on: bool) -> str:
    called = any(isinstance(event, CallStarted) for event in events)
    spoke = any(isinstance(event, TextDelta | ReasoningDelta | ReasoningSealed) for event in events)
    match events[-1]:
        case Finished("content_filter") if client == "codex":
            return "Failed"
        case Finished("length") if client == "codex" and goes_on and spoke:
            return "pause"
        case Finished("pause") if client == "codex" and (spoke or called):
            return "pause"
        case Finished("stop" | "tool_calls" | "pause"):
            return "tool_calls" if called else "stop"
        case _:
            return end(events)


@pytest.mark.parametrize("client", ["codex", "other"])
def test_an_upstream_that_says_nothing_at_all_fails_readably(client: Client) -> None:
    result = encode([], client)
    assert [event["type"] for event in result] == ["response.created", "response.in_progress", "response.failed"]
    assert result[-1]["response"]["error"]["message"]
