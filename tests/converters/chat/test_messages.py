"""A conversation as chat messages."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import jsontext
from converters.jsontext import Json
from tests.converters.chat.sample_requests import body, convert_items, image, messages, sealed, thought
from tests.converters.sample_items import assistant, call, developer, output, user

GO_ON = {"role": "user", "content": "Go on from where you stopped."}


def tool(call_id: str, content: str = "done", **fields: str) -> Json:
    return {"role": "tool", "tool_call_id": call_id, "content": content, **fields}


def called(*ids: str, content: str | None = None) -> Json:
    function = {"name": "f", "arguments": "{}"}
    return {
        "role": "assistant",
        "content": content,
        "tool_calls": [{"id": id_, "type": "function", "function": function} for id_ in ids],
    }


def test_all_first_instructions_are_one_message() -> None:
    sent = body(developer("base"), developer("skills"), user(), instructions="top")["messages"]
    assert sent == [{"role": "system", "content": "top\n\nbase\n\nskills"}, {"role": "user", "content": "hi"}]


def test_the_role_of_instructions_is_the_hosts() -> None:
    assert messages(developer("base"), user(), instructions_role="developer")[0]["role"] == "developer"


@pytest.mark.parametrize(
    ("kind", "roles", "last"),
    [
        ("user", ["system", "user", "user"], "<developer_message>\nlate\n</developer_message>"),
        ("keep", ["system", "user", "system"], "late"),
        ("merge", ["system", "user"], "hi"),
    ],
)
def test_later_instructions_go_where_the_host_takes_them(kind: str, roles: list[str], last: str) -> None:
    sent = messages(developer("base"), user(), developer("late"), late_instructions=kind)
    assert [message["role"] for message in sent] == roles
    assert sent[-1]["content"] == last
    assert "late" in jsontext.dumps(sent).decode()


def test_later_instructions_with_an_image_are_still_marked() -> None:
    late = {**developer("see"), "content": [{"type": "input_text", "text": "see"}, image()]}
    content = messages(user(), late)[-1]["content"]
    assert [part.get("text") for part in content] == [
        "<developer_message>", "see", None, "</developer_message>"
    ]  # fmt: skip


def test_one_step_is_one_message_and_its_outputs_follow_in_order() -> None:
    sent = messages(
        user(),
        thought("why"),
        assistant("I look."),
        call("a"),
        call("b"),
        developer("in between"),
        output("b", "B"),
        output("a", "A"),
    )
    assert sent[1:4] == [called("a", "b", content="I look."), tool("a", "A"), tool("b", "B")]
    assert "in between" in sent[4]["content"]


def test_a_call_without_an_output_says_so() -> None:
    sent = messages(user(), call("a"), user("stop"))
    assert sent[1:3] == [called("a"), tool("a", "[no output: the call was interrupted]")]


def test_an_output_without_a_call_is_told_by_the_user() -> None:
    (sent,) = messages(output("gone", "42"))
    assert sent["role"] == "user"
    assert "42" in sent["content"]


@pytest.mark.parametrize(("kind", "content"), [("null", None), ("empty", "")])
def test_content_beside_calls_is_what_the_host_takes(kind: str, content: str | None) -> None:
    assert messages(user(), call("a"), output("a"), empty_content=kind)[1]["content"] == content


def test_thinking_that_led_to_nothing_is_no_message() -> None:
    sent = messages(user(), sealed({"text": "why"}), user("again"), reasoning_back="exact")
    assert [message["role"] for message in sent] == ["user", "user"]


def test_arguments_that_are_no_json_are_sent_as_an_object() -> None:
    (sent,) = messages(user(), call("a", arguments="{broken"), output("a"))[1]["tool_calls"]
    assert jsontext.loads(sent["function"]["arguments"]) == {"malformed_arguments": "{broken"}


def test_ids_that_come_again_in_a_later_turn_are_told_apart() -> None:
    sent = messages(user(), call("f:0"), output("f:0", "1"), call("f:0"), output("f:0", "2"))
    ids = [message["tool_calls"][0]["id"] for message in sent if "tool_calls" in message]
    assert ids == [message["tool_call_id"] for message in sent if message["role"] == "tool"]
    assert len(set(ids)) == 2


def test_the_upstream_gets_its_own_form_of_ids_on_both_sides() -> None:
    _, sent, answered = messages(user(), call("call_1"), output("call_1"), call_ids="nine")
    assert len(sent["tool_calls"][0]["id"]) == 9
    assert answered["tool_call_id"] == sent["tool_calls"][0]["id"]


def test_tool_messages_are_named_where_the_host_wants_names() -> None:
    assert messages(user(), call("a"), output("a"), result_names=True)[-1] == tool("a", name="f")


@pytest.mark.parametrize("said", [[user("next")], [developer("late")]])
def test_an_assistant_stands_between_tool_and_user_where_the_host_wants_one(said: list[Json]) -> None:
    sent = messages(user(), call("a"), output("a"), *said, bridge_after_tool=True)
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "assistant", "user"]


def test_an_assistant_stands_before_the_images_of_a_tool_too() -> None:
    sent = messages(user(), call("a"), output("a", [image()]), bridge_after_tool=True)
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "assistant", "user"]


def test_a_model_that_spoke_last_is_asked_to_go_on() -> None:
    assert messages(user(), assistant("So far"))[1:] == [{"role": "assistant", "content": "So far"}, GO_ON]


def test_instructions_alone_are_no_conversation() -> None:
    assert [message["role"] for message in messages(developer("base"))] == ["system", "user"]


def test_a_tool_search_says_what_it_found() -> None:
    found = [
        {"type": "namespace", "name": "clock", "tools": [{"type": "function", "name": "now"}]},
        {"type": "custom", "name": "patch"},
    ]
    search = {"type": "tool_search_call", "call_id": "s", "execution": "client", "arguments": {"query": "time"}}
    result = body(user(), search, {"type": "tool_search_output", "call_id": "s", "tools": found})
    assert result["messages"][-1]["content"] == "Found tools, now available: clock__now, patch"
    assert [tool["function"]["name"] for tool in result["tools"]] == ["clock__now", "patch"]
    nothing = body(user(), search, {"type": "tool_search_output", "call_id": "s", "tools": []})
    assert nothing["messages"][-1]["content"] == "No tools found."


def test_items_that_only_responses_knows_are_losses() -> None:
    _, losses = convert_items(user(), {"type": "web_search_call", "id": "ws_1", "status": "completed"})
    assert [loss.path for loss in losses] == ["input[1]"]


# --- laws ---

TURNS = st.one_of(
    st.builds(lambda text: [user(text)], st.text(min_size=1, max_size=5)),
    st.builds(lambda text: [developer(text)], st.text(min_size=1, max_size=5)),
    st.just([user("look", image())]),
    st.builds(
        lambda ids, said, lost: [
            sealed({"text": "why"}), *([assistant(said)] if said else []), *map(call, ids),
            *[output(id_, [image()] if id_ == "c" else id_) for id_ in ids if id_ != lost],
        ],
        st.lists(st.sampled_from(["a", "b", "c", "x" * 50]), unique=True, max_size=3),
        st.sampled_from(["", "I look."]),
        st.sampled_from(["a", None]),
    ),
)  # fmt: skip
HISTORIES = st.lists(TURNS, max_size=6).map(lambda turns: [item for turn in turns for item in turn])
FLAGS = st.fixed_dictionaries(
    {
        "late_instructions": st.sampled_from(["user", "keep"]),
        "reasoning_back": st.sampled_from(["none", "text", "exact", "calls", "details", "parts", "think"]),
        "call_ids": st.sampled_from(["short", "opaque", "nine", "indexed"]),
        "bridge_after_tool": st.booleans(),
        "images": st.booleans(),
    }
)


@given(HISTORIES, HISTORIES, FLAGS)
def test_another_turn_changes_no_earlier_message(before: list[Json], turn: list[Json], flags: Any) -> None:
    """What the host has cached stays good."""
    first = messages(*before, user("question"), **flags)
    second = messages(*before, user("question"), *turn, user("next"), **flags)
    assert second[: len(first)] == first


@given(HISTORIES, FLAGS)
def test_every_conversation_is_one_that_hosts_take(history: list[Json], flags: Any) -> None:
    result = messages(*history, **flags)
    waiting: list[str] = []
    for element in result:
        if element["role"] == "tool":
            assert element["tool_call_id"] == waiting.pop(0)
            continue
        assert not waiting
        if element["role"] == "assistant":
            assert element["content"] or element.get("tool_calls")
            waiting = [sent["id"] for sent in element.get("tool_calls", [])]
    assert not waiting
    assert result[-1]["role"] in ("user", "tool", "system")
