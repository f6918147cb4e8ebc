import pytest

from converters.jsontext import Json
from converters.responses.items import CALL_BUILDERS, CallBuilder, MessageBuilder, ReasoningBuilder
from converters.responses.lifecycle import Stream
from tests import referee
from tests.strategies import toolbox


def call(stream: Stream, name: str) -> CallBuilder:
    function = toolbox().find(name)
    assert function
    return CALL_BUILDERS[function.kind](stream, "t", 4, function, name, "c1")


def kinds(stream: Stream) -> list[str]:
    return [event["type"].removeprefix("response.") for event in referee.read(stream.take())]


def test_a_message_holds_one_text_part() -> None:
    stream = Stream()
    item = MessageBuilder(stream, "t", 0)
    item.open()
    item.add("a")
    item.add("b")
    item.end()
    assert item.final()["content"] == [{"type": "output_text", "text": "ab", "annotations": [], "logprobs": []}]
    assert referee.read(stream.take())[-1]["item"] == item.final()


def test_what_has_not_ended_is_incomplete() -> None:
    item = MessageBuilder(Stream(), "t", 0)
    item.open()
    item.add("a")
    assert not item.ended
    assert item.final()["status"] == "incomplete"
    assert item.final()["content"][0]["text"] == "a"


def test_reasoning_without_a_text_has_no_summary_part() -> None:
    stream = Stream()
    item = ReasoningBuilder(stream, "t", 2)
    item.open()
    item.seal = "sealed"
    item.end()
    assert kinds(stream) == ["output_item.added", "output_item.done"]
    assert item.final() == {
        "type": "reasoning",
        "id": "rs_t_2",
        "status": "completed",
        "summary": [],
        "encrypted_content": "sealed",
    }


@pytest.mark.parametrize(
    ("name", "added"),
    [
        ("exec_command", {"type": "function_call", "id": "fc_t_4", "status": "in_progress", "arguments": ""}),
        ("apply_patch", {"type": "custom_tool_call", "id": "ctc_t_4", "input": ""}),
        ("tool_search", {"type": "tool_search_call", "id": "tsc_t_4", "status": "in_progress", "arguments": {}}),
    ],
)
def test_a_call_opens_with_its_id_and_nothing_said(name: str, added: Json) -> None:
    stream = Stream()
    call(stream, name).open()
    item = referee.read(stream.take())[0]["item"]
    assert added.items() <= item.items()
    assert item["call_id"] == "c1"


def test_only_a_function_s_arguments_are_streamed_as_they_come() -> None:
    for name, deltas in [("exec_command", 2), ("apply_patch", 0), ("tool_search", 0)]:
        stream = Stream()
        item = call(stream, name)
        item.add('{"input"')
        item.add(':"x"}')
        assert len(referee.read(stream.take())) == deltas


def test_an_empty_custom_input_has_no_delta() -> None:
    stream = Stream()
    item = call(stream, "apply_patch")
    item.end()
    assert kinds(stream) == ["custom_tool_call_input.done", "output_item.done"]


def test_whole_numbers_are_told_as_the_schema_wants_them() -> None:
    item = call(Stream(), "exec_command")
    item.add('{"ms":10.0}')
    item.end()
    assert item.final()["arguments"] == '{"ms":10}'


@pytest.mark.parametrize("name", ["exec_command", "apply_patch", "tool_search"])
def test_half_a_character_waits_for_its_other_half(name: str) -> None:
    for item in (MessageBuilder(Stream(), "t", 0), ReasoningBuilder(Stream(), "t", 1), call(Stream(), name)):
        item.open()
        for piece in ('{"input": "', "a\ud83d", "\ude00b", "\ud83d", '"}'):
            item.add(piece)
        item.end()
        assert "a😀b\ufffd" in str(item.final())


def test_half_a_character_at_the_end_is_told_as_none() -> None:
    stream = Stream()
    item = MessageBuilder(stream, "t", 0)
    item.open()
    item.add("\ud83d")
    assert [event for event in referee.read(stream.take()) if "delta" in event] == []
    item.end()
    assert [event["delta"] for event in referee.read(stream.take()) if "delta" in event] == ["\ufffd"]
    assert item.final()["content"][0]["text"] == "\ufffd"
