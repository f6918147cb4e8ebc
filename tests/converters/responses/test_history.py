"""Codex's flat history, regrouped into turns."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import seal
from converters.errors import RequestError
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import history, wire


def user(text: str = "hi", **fields: Any) -> Json:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}], **fields}


def developer(text: str) -> Json:
    return {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": text}]}


def assistant(text: str) -> Json:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


def call(call_id: str, name: str = "f") -> Json:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}"}


def output(call_id: str, text: Any = "done") -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def converse(*items: Any, instructions: str | None = None) -> tuple[history.Conversation, Losses]:
    losses = Losses()
    request = wire.read({"model": "m", "input": list(items), "instructions": instructions})
    return history.conversation(request, losses), losses


def shape(turns: list[history.Turn]) -> list[Any]:
    """Turns as plain values, to compare at a glance."""
    shapes: list[Any] = []
    for turn in turns:
        if isinstance(turn, history.InputMessage):
            texts = [part.text for part in turn.parts if isinstance(part, wire.TextPart)]
            shapes.append((turn.role, *texts))
        else:
            calls = [(call.id, getattr(call.output, "output", None)) for call in turn.calls]
            shapes.append(("step", turn.texts, calls))
    return shapes


def test_leading_developer_messages_are_the_instructions_in_order() -> None:
    result, _ = converse(developer("one"), developer("two"), user(), instructions="zero")
    assert result.instructions == ["zero", "one", "two"]
    assert shape(result.turns) == [("user", "hi")]


def test_a_later_developer_message_stays_in_place() -> None:
    result, _ = converse(developer("base"), user("a"), developer("new rule"), user("b"))
    assert shape(result.turns) == [("user", "a"), ("developer", "new rule"), ("user", "b")]


def test_a_bare_string_and_a_message_without_type_mean_the_same() -> None:
    full, _ = converse(user("hi"))
    bare = wire.read({"model": "m", "input": "hi"})
    loose = wire.read({"model": "m", "input": [{"role": "user", "content": "hi"}]})
    for request in (bare, loose):
        assert shape(history.conversation(request, Losses()).turns) == shape(full.turns)


def test_text_and_parallel_calls_of_one_step_are_one_step() -> None:
    result, _ = converse(user(), assistant("I look"), call("a"), call("b"), output("a", "A"), output("b", "B"))
    assert shape(result.turns)[1:] == [("step", ["I look"], [("a", "A"), ("b", "B")])]


def test_outputs_come_in_the_order_of_the_calls() -> None:
    result, _ = converse(user(), call("a"), call("b"), output("b", "B"), output("a", "A"))
    assert shape(result.turns)[1:] == [("step", [], [("a", "A"), ("b", "B")])]


def test_what_follows_an_output_is_a_new_step() -> None:
    result, _ = converse(user(), call("a"), output("a"), call("b"), output("b"), assistant("end"))
    assert [element[0] for element in shape(result.turns)] == ["user", "step", "step", "step"]


def test_an_assistant_message_between_call_and_output_joins_the_step() -> None:
    result, _ = converse(user(), call("a"), assistant("meanwhile"), output("a", "A"))
    assert shape(result.turns)[1:] == [("step", ["meanwhile"], [("a", "A")])]


def test_a_developer_message_between_call_and_output_comes_after_the_output() -> None:
    result, _ = converse(user(), call("a"), developer("careful"), output("a", "A"), assistant("ok"))
    assert shape(result.turns)[1:] == [("step", [], [("a", "A")]), ("developer", "careful"), ("step", ["ok"], [])]


def test_an_unanswered_call_has_no_output() -> None:
    result, _ = converse(user(), call("a"), user("stop"))
    assert shape(result.turns)[1:] == [("step", [], [("a", None)]), ("user", "stop")]


def test_an_output_without_a_call_is_told_as_the_users_words() -> None:
    result, _ = converse(user(), output("gone", "the result"))
    last = result.turns[-1]
    assert isinstance(last, history.InputMessage)
    assert last.role == "user"
    assert "gone" in shape([last])[0][1]
    assert shape([last])[0][2] == "the result"


def test_ids_that_repeat_pair_in_order_and_become_unique() -> None:
    result, _ = converse(user(), call("f:0"), output("f:0", "1"), call("f:0"), output("f:0", "2"))
    assert shape(result.turns)[1:] == [("step", [], [("f:0", "1")]), ("step", [], [("f:0_2", "2")])]


def test_an_interrupted_call_does_not_take_the_output_of_a_later_one() -> None:
    result, _ = converse(call("f:0"), user("stop"), call("f:0"), output("f:0", "2"))
    assert shape(result.turns) == [("step", [], [("f:0", None)]), ("user", "stop"), ("step", [], [("f:0_2", "2")])]


def test_an_agents_message_shows_its_plain_text() -> None:
    item = {
        "type": "agent_message",
        "author": "/root",
        "recipient": "/t1",
        "content": [{"type": "encrypted_content", "encrypted_content": "PLEASE DO X"}],
    }
    result, losses = converse(item)
    assert shape(result.turns) == [("user", "[Message from agent /root to /t1]", "PLEASE DO X")]
    assert not losses


def test_our_compaction_is_expanded_and_a_foreign_one_is_listed() -> None:
    ours = {"type": "compaction", "encrypted_content": seal.wrap("summary", "we did X")}
    result, losses = converse(ours, user())
    assert shape(result.turns)[0][1].endswith("we did X")
    assert not losses
    result, losses = converse({"type": "compaction", "encrypted_content": "gAAAA"}, user())
    assert [loss.path for loss in losses] == ["input[0]"]
    assert len(result.turns) == 2


def test_items_for_a_responses_upstream_alone_are_listed() -> None:
    kinds = ["web_search_call", "image_generation_call", "local_shell_call", "ghost_snapshot", "configuration_update"]
    result, losses = converse(user(), *({"type": kind, "id": "x_1"} for kind in kinds))
    assert [loss.what for loss in losses] == kinds
    assert len(result.turns) == 1


def test_an_assistant_message_that_says_nothing_is_no_step() -> None:
    result, losses = converse(user(), {"type": "message", "role": "assistant", "content": []}, user("again"))
    assert shape(result.turns) == [("user", "hi"), ("user", "again")]
    assert not losses


def test_a_refusal_in_the_history_is_text() -> None:
    refused = {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}
    result, _ = converse(user(), refused)
    assert shape(result.turns)[1] == ("step", ["no"], [])


IDS = st.sampled_from(["a", "b", "c"])
ITEMS = st.one_of(
    st.builds(user, st.text("xyz", min_size=1)),
    st.builds(developer, st.text("xyz", min_size=1)),
    st.builds(assistant, st.text("xyz", min_size=1)),
    st.builds(call, IDS),
    st.builds(output, IDS, st.text("xyz", min_size=1)),
)


@given(st.lists(ITEMS, max_size=20))
def test_nothing_is_lost_and_nothing_is_said_twice(items: list[Json]) -> None:
    result, losses = converse(*items)
    assert not losses
    texts = sum(len(turn.parts) if isinstance(turn, history.InputMessage) else len(turn.texts) for turn in result.turns)
    steps = [turn for turn in result.turns if isinstance(turn, history.Step)]
    calls = [call for step in steps for call in step.calls]
    paired = sum(call.output is not None for call in calls)
    orphans = sum(item["type"] == "function_call_output" for item in items) - paired
    messages = sum(item["type"] == "message" for item in items)
    # An orphan becomes two parts: a note, and its output.
    assert texts + len(result.instructions) == messages + 2 * orphans
    assert len(calls) == sum(item["type"] == "function_call" for item in items)
    assert len({call.id for call in calls}) == len(calls)


@given(st.lists(ITEMS, max_size=12), st.text("xyz", min_size=1))
def test_one_more_turn_leaves_the_earlier_turns_as_they_were(items: list[Json], text: str) -> None:
    before, _ = converse(developer("base"), user(), *items)
    after, _ = converse(developer("base"), user(), *items, user(text))
    assert shape(after.turns)[:-1] == shape(before.turns)


STORED: dict[str, Json] = {
    "previous_response_id": {"previous_response_id": "resp_1"},
    "conversation": {"conversation": {"id": "conv_1"}},
    "prompt": {"prompt": {"id": "pmpt_1"}},
    "input[1]": {"input": [user(), {"type": "item_reference", "id": "msg_1"}]},
}


@pytest.mark.parametrize("place", STORED)
def test_what_was_left_elsewhere_is_asked_for_instead_of_being_forgotten(place: str) -> None:
    request = wire.read({"model": "m", "input": [user()], **STORED[place]})
    with pytest.raises(RequestError, match="nothing is stored here") as caught:
        history.conversation(request, Losses())
    assert caught.value.param == place
