"""Tool calls in a stream, told apart."""

from collections.abc import Callable
from typing import Any

import pytest

from converters import sse
from converters.chat.dialect import ChatDialect
from converters.chat.response import ChatDecoder
from converters.events import CallDelta, CallStarted, Finished
from converters.losses import Losses
from tests.converters.chat.sample_responses import DONE, calling, calls, chunk, content_events, entry
from tests.steps import steps


def test_a_call_comes_in_pieces() -> None:
    events = content_events(
        calling(entry(0, "a", "f", "")), calling(entry(0, arguments='{"x"')), calling(entry(0, arguments=":1}"))
    )
    assert events == [CallStarted("a", "f"), CallDelta("a", '{"x"'), CallDelta("a", ":1}")]


@pytest.mark.parametrize("later", [{"id": "", "name": ""}, {"id": None, "name": None}, {"id": "a", "name": "f"}])
def test_a_later_piece_never_changes_id_and_name(later: Any) -> None:
    pieces = {"index": 0, "type": "", "id": later["id"], "function": {"name": later["name"], "arguments": "}"}}
    assert calls(content_events(calling(entry(0, "a", "f", "{")), calling(pieces))) == [("a", "f", "{}")]


def test_parallel_calls_may_interleave() -> None:
    events = content_events(
        calling(entry(0, "a", "f", "{"), entry(1, "b", "g", "{")),
        calling(entry(1, arguments='"y":2}')),
        calling(entry(0, arguments="}")),
    )
    assert calls(events) == [("a", "f", "{}"), ("b", "g", '{"y":2}')]


def test_a_new_id_at_a_known_index_is_the_next_call() -> None:
    events = content_events(calling(entry(0, "a", "f", '{"x":1}')), calling(entry(0, "b", "f", '{"x":2}')))
    assert calls(events) == [("a", "f", '{"x":1}'), ("b", "f", '{"x":2}')]


def test_calls_without_an_index_are_told_apart_by_id() -> None:
    events = content_events(
        calling(entry(None, "a", "f", "{")),
        calling(entry(None, "b", "g", "{")),
        calling(entry(None, "a", arguments="}")),
        calling(entry(None, "b", arguments="}")),
    )
    assert calls(events) == [("a", "f", "{}"), ("b", "g", "{}")]


def test_calls_with_neither_index_nor_id_are_told_apart_by_their_place() -> None:
    events = content_events(
        calling(entry(None, None, "f", "{"), entry(None, None, "f", "{")),
        calling(entry(None, arguments="}"), entry(None, arguments='"y":2}')),
    )
    assert [told[1:] for told in calls(events)] == [("f", "{}"), ("f", '{"y":2}')]


@pytest.mark.parametrize("index", [None, 0])
def test_equal_calls_one_after_the_other_are_several(index: int | None) -> None:
    events = content_events(*[calling(entry(index, None, "f", '{"x":1}'))] * 3)
    assert [told[1:] for told in calls(events)] == [("f", '{"x":1}')] * 3


def test_a_repeated_name_goes_on_with_its_unfinished_call() -> None:
    events = content_events(calling(entry(0, None, "f", '{"x":')), calling(entry(0, None, "f", "1}")))
    assert [told[1:] for told in calls(events)] == [("f", '{"x":1}')]


def test_a_missing_id_is_made_of_the_answers_own() -> None:
    (one, two) = calls(content_events(calling(entry(0, None, "f", "{}"), entry(1, "", "g", "{}"))))
    assert one[0] != two[0]
    assert one[0].startswith("call_")
    assert calls(content_events(chunk({}, id="other"), calling(entry(0, None, "f"))))[0][0] != one[0]


def test_an_id_that_comes_twice_is_given_once() -> None:
    (one, two) = calls(content_events(calling(entry(0, "a", "f", "{}"), entry(1, "a", "g", "{}"))))
    assert (one[0], two[1]) == ("a", "g")
    assert two[0] != "a"


def test_arguments_wait_for_a_name() -> None:
    events = content_events(calling(entry(0, "a", None, "{")), calling(entry(0, None, "f", "}")))
    assert events == [CallStarted("a", "f"), CallDelta("a", "{"), CallDelta("a", "}")]


def test_a_call_whose_name_never_comes_is_not_lost() -> None:
    assert calls(content_events(calling(entry(0, "a", None, "{}")))) == [("a", "unnamed_tool", "{}")]


def test_arguments_as_objects_are_merged_and_told_once() -> None:
    events = content_events(
        calling(entry(0, "a", "f", {"x": {"y": 1}})),
        calling(entry(0, arguments={"x": {"z": 2}})),
        chunk({"content": "."}),
    )
    assert calls(events) == [("a", "f", '{"x":{"y":1,"z":2}}')]
    assert events[-1] == CallDelta("a", '{"x":{"y":1,"z":2}}')


def test_equal_calls_with_objects_are_several() -> None:
    events = content_events(*[calling(entry(None, None, "f", {"x": 1}))] * 2)
    assert [told[1:] for told in calls(events)] == [("f", '{"x":1}')] * 2


@pytest.mark.parametrize("arguments", [None, "", {}])
def test_a_call_without_arguments_says_none(arguments: Any) -> None:
    assert content_events(calling(entry(0, "a", "f", arguments))) == [CallStarted("a", "f")]


def test_a_custom_call_is_the_text_of_one_argument() -> None:
    pieces = [
        {"index": 0, "id": "a", "type": "custom", "custom": {"name": "patch", "input": 'a "b"'}},
        {"index": 0, "custom": {"input": "\n{"}},
    ]
    assert calls(content_events(*[calling(piece) for piece in pieces])) == [("a", "patch", r'{"input":"a \"b\"\n{"}')]


def test_a_legacy_call_is_a_call() -> None:
    events = content_events(
        chunk({"function_call": {"name": "f", "arguments": "{"}}), chunk({"function_call": {"arguments": "}"}})
    )
    assert [told[1:] for told in calls(events)] == [("f", "{}")]


def test_an_empty_legacy_call_is_none() -> None:
    assert content_events(chunk({"function_call": {"name": "", "arguments": ""}})) == []


@pytest.mark.parametrize("oddity", [{"tool_calls": ["f", None]}, {"tool_calls": []}, {"tool_calls": None}])
def test_entries_of_no_known_shape_say_nothing(oddity: Any) -> None:
    assert content_events(chunk(oddity)) == []


def test_arguments_go_on_after_a_text_in_between() -> None:
    said: list[sse.Message] = [
        calling(entry(0, "a", "f", "{")), chunk({"content": "meanwhile"}), calling(entry(0, arguments="}"))
    ]  # fmt: skip
    assert calls(content_events(*said)) == [("a", "f", "{}")]


# --- how much ---

MANY = {
    "one array, one id": lambda count: [calling(*[entry(None, "a", "f", "{}")] * count)],
    "one id, no index": lambda count: [calling(entry(None, "a", "f", "{}"))] * count,
    "neither id nor index": lambda count: [calling(entry(None, None, "f", "{}"))] * count,
    "one array, no ids": lambda count: [calling(*[entry(None, None, "f", "{}")] * count)],
    "objects": lambda count: [calling(entry(0, "a", "f", {f"key {number}": 1})) for number in range(count)],
}


@pytest.mark.parametrize("many", MANY.values(), ids=MANY.keys())
def test_each_of_many_costs_the_same(many: Callable[[int], list[sse.Message]]) -> None:
    def work(count: int) -> int:
        result = many(count)
        return steps(lambda: content_events(*result))

    work(10)
    assert work(2000) < 12 * work(200)


def test_a_repeated_name_is_not_looked_into_without_end() -> None:
    """Each look joins and parses all arguments so far."""
    pieces = [calling(entry(0, "", "f", '{"a":{}')) for _ in range(3000)]
    ((_, _, arguments),) = calls(content_events(*pieces))
    assert arguments == '{"a":{}' * 3000


# --- what cannot be read ---


@pytest.mark.parametrize(
    ("odd", "place"),
    [
        (7, "[]"),
        ({"index": "x", "id": "b", "function": {"name": "g", "arguments": "{}"}}, "[].index"),
        ({"index": 1, "id": ["b"], "function": {"name": "g", "arguments": "{}"}}, "[].id"),
        ({"index": 1, "id": "b", "function": {"name": {"n": 1}, "arguments": "{}"}}, "[].function.name"),
        ({"index": 1, "id": "b", "function": {"name": "g", "arguments": [1]}}, "[].function.arguments"),
        ({"index": 1, "id": "b", "function": "g"}, "[].function"),
    ],
)
def test_what_cannot_be_read_of_a_call_is_a_loss_and_the_rest_is_told(odd: Any, place: str) -> None:
    losses = Losses()
    decoder = ChatDecoder("Zed", ChatDialect(), losses)
    result = [calling(entry(0, "a", "f", "{}")), chunk({"tool_calls": [odd]}), chunk(finish="stop"), DONE]
    events = [event for element in result for event in decoder.feed(element)]
    assert calls(events)[0] == ("a", "f", "{}")
    assert events[-1] == Finished("tool_calls")
    assert [loss.path for loss in losses] == [f"answer.choices[0].delta.tool_calls{place}"]
