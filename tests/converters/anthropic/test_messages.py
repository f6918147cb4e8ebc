"""Turns as Anthropic's messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters.anthropic.dialect import AnthropicDialect
from converters.anthropic.messages import NO_OUTPUT
from converters.jsontext import Json
from tests.converters.anthropic.rules import complaints
from tests.converters.anthropic.sample_requests import (
    body,
    convert_items,
    image,
    messages,
    reasoning,
    result,
    signed,
    text,
    use,
)
from tests.converters.sample_items import FUNCTION, assistant, call, developer, output, user

THINKS = AnthropicDialect(thinking="adaptive")


def test_a_step_is_thinking_then_texts_then_calls() -> None:
    items = [user(), call("a"), signed("why"), assistant("note"), call("b"), output("b"), output("a")]
    assert messages(*items, dialect=AnthropicDialect(thinking="adaptive", cache=False)) == [
        ("user", [text("hi")]),
        (
            "assistant",
            [{"type": "thinking", "thinking": "why", "signature": "sig"}, text("note"), use("a"), use("b")],
        ),
        ("user", [result("a"), result("b")]),
    ]


def test_all_results_come_first_and_in_one_message() -> None:
    items = [user(), call("a"), developer("rule"), call("b"), output("a"), user("more"), output("b")]
    (*_, last) = messages(*items)
    first_kinds = [block["type"] for block in last[1]]
    assert first_kinds == sorted(first_kinds, key=lambda kind: kind != "tool_result")
    assert not complaints(body(*items))


def test_a_call_without_output_says_so() -> None:
    assert messages(user(), call("a"), user("go on"))[-1] == ("user", [result("a", NO_OUTPUT), text("go on")])


def test_neighbours_of_one_role_become_one_message() -> None:
    assert messages(user("a"), user("b"), assistant("c"), assistant("d"), user("e")) == [
        ("user", [text("a"), text("b")]),
        ("assistant", [text("c"), text("d")]),
        ("user", [text("e")]),
    ]


def test_a_later_developer_message_stays_in_its_place_and_is_marked() -> None:
    sent = messages(user("a"), assistant("b"), developer("rule"), user("c"))
    assert sent[-1] == ("user", [text("<developer_message>\nrule\n</developer_message>"), text("c")])


def test_the_user_says_something_first_and_last() -> None:
    sent = messages(assistant("a"))
    assert [role for role, _ in sent] == ["user", "assistant", "user"]
    assert sent[1][1] == [text("a")]
    assert [role for role, _ in messages(developer("only rules"))] == ["user"]


@pytest.mark.parametrize("blank", ["", " ", "\n\t "])
def test_blank_texts_are_left_out(blank: str) -> None:
    items = [user(blank, "x"), assistant(blank), call(), output("c", blank), user(blank)]
    assert messages(*items) == [("user", [text("x")]), ("assistant", [use("c")]), ("user", [result("c", "")])]


def test_thinking_alone_makes_no_message() -> None:
    assert messages(user("a"), signed("x"), user("b"), dialect=THINKS)[0][1][0] == text("a")
    assert len(messages(user("a"), signed("x"), user("b"), dialect=THINKS)) == 1


def test_ids_are_cleaned_and_stay_apart() -> None:
    items = [user(), call("functions.f:0"), call("functions_f:0"), output("functions.f:0"), output("functions_f:0")]
    sent = messages(*items)
    assert [block["id"] for block in sent[1][1]] == ["functions_f_0", "functions_f_0-2"]
    assert [block["tool_use_id"] for block in sent[2][1]] == ["functions_f_0", "functions_f_0-2"]


def test_ids_that_repeat_from_turn_to_turn_stay_apart() -> None:
    turn = [call("f:0"), output("f:0")]
    assert not complaints(body(user(), *turn, user(), *turn))


def test_arguments_that_are_no_object_go_back_as_one() -> None:
    blocks = messages(user(), call(arguments='{"x": 1}'), call("d", arguments="{oops"), call("e", arguments=""))[1][1]
    assert [block["input"] for block in blocks] == [{"x": 1}, {"malformed_arguments": "{oops"}, {}]


def test_a_text_result_is_a_string_and_an_image_a_block() -> None:
    shown = [{"type": "input_text", "text": "see"}, image()]
    sent = messages(user(), call("a"), call("b"), output("a", "plain"), output("b", shown))[-1][1]
    assert sent[0]["content"] == "plain"
    assert [block["type"] for block in sent[1]["content"]] == ["text", "image"]


def test_a_custom_call_goes_back_as_the_function_that_was_offered() -> None:
    patch = {"type": "custom_tool_call", "call_id": "p", "name": "apply_patch", "input": "*** Begin"}
    done = {"type": "custom_tool_call_output", "call_id": "p", "output": "ok"}
    assert messages(user(), patch, done)[1:] == [
        ("assistant", [use("p", "apply_patch", input="*** Begin")]),
        ("user", [result("p", "ok")]),
    ]


def test_a_tool_search_says_what_it_loaded_by_the_names_that_are_offered() -> None:
    search = {"type": "tool_search_call", "call_id": "s", "execution": "client", "arguments": {"query": "x"}}
    loaded = [{"type": "namespace", "name": "mcp__a", "tools": [{"type": "function", "name": "b"}]}]
    found = {"type": "tool_search_output", "call_id": "s", "tools": loaded}
    asked = body(user(), search, found)
    assert asked["messages"][-1]["content"] == [result("s", "Found and loaded: mcp__a__b")]
    assert [tool["name"] for tool in asked["tools"]] == ["mcp__a__b"]


def test_an_output_without_its_call_is_told_as_the_users_words() -> None:
    (only,) = messages(user(), output("lost", "result"))
    assert [block["type"] for block in only[1]] == ["text"] * 3


def test_results_name_their_id_twice_where_the_host_wants_it() -> None:
    sent = messages(user(), call(), output(), dialect=AnthropicDialect(result_ids=True, cache=False))
    assert sent[-1][1] == [{**result("c"), "id": "c"}]


def test_what_nobody_here_understands_is_a_loss() -> None:
    _, losses = convert_items(
        user(), {"type": "web_search_call", "id": "ws_1"}, reasoning("gAAAA", "x"), call(), output()
    )
    assert "input[1]" in [loss.path for loss in losses]


# --- any history at all ---

TEXTS = st.sampled_from(["", " ", "x", "some words"])
IDS = st.sampled_from(["a", "b", "functions.f:0", "functions_f_0", "ü", ""])
IMAGES = st.sampled_from([image(), image("https://x.test/a.png"), image("data:image/png;base64,!"), image("data:x")])
ITEMS: st.SearchStrategy[Json] = st.one_of(
    st.builds(user, TEXTS, TEXTS),
    st.builds(user, IMAGES),
    st.builds(developer, TEXTS),
    st.builds(assistant, TEXTS),
    st.builds(call, IDS, st.sampled_from(["f", "g.h", "n" * 90]), st.sampled_from(["", "{}", '{"x":1}', "[1]", "{"])),
    st.builds(output, IDS, st.one_of(TEXTS, st.lists(IMAGES, max_size=2), st.just({"ok": True}))),
    st.builds(signed, TEXTS, st.sampled_from(["sig", ""]), st.sampled_from(["anthropic", "zai"])),
    st.builds(reasoning, st.sampled_from([None, "gAAAA", "tcx1.anthropic.???"]), TEXTS),
    st.builds(lambda kind: {"type": kind}, st.sampled_from(["compaction_trigger", "ghost_snapshot", "compaction"])),
)
DIALECTS = st.builds(
    AnthropicDialect,
    thinking=st.sampled_from(["none", "budget", "adaptive", "enabled"]),
    unsigned_thinking=st.booleans(),
    images=st.booleans(),
)


@given(items=st.lists(ITEMS, max_size=12), offered=st.booleans(), dialect=DIALECTS)
def test_any_history_becomes_a_request_that_anthropic_takes(
    items: list[Json], offered: bool, dialect: AnthropicDialect
) -> None:
    tools = [FUNCTION] if offered else []
    assert complaints(body(*items, dialect=dialect, tools=tools, reasoning={"effort": "high"})) == []


TURNS = st.one_of(
    st.builds(lambda said, heard: [assistant(said), user(heard)], TEXTS, st.just("next")),
    st.builds(lambda id_, thought: [signed(thought), call(id_), output(id_)], IDS, TEXTS),
    st.builds(lambda one, two: [assistant("x"), call(one), call(two), output(two), output(one)], IDS, IDS),
    st.builds(lambda rule: [assistant("y"), developer(rule), user("next")], TEXTS),
)


@given(first=st.lists(TURNS, max_size=4), then=st.lists(TURNS, min_size=1, max_size=3))
def test_a_later_turn_leaves_what_was_sent_before_as_it_was(first: list[list[Json]], then: list[list[Json]]) -> None:
    dialect = AnthropicDialect(thinking="adaptive", cache=False)
    before = [user("start"), *(item for turn in first for item in turn)]
    after = [*before, *(item for turn in then for item in turn)]
    earlier, later = spoken(before, dialect), spoken(after, dialect)
    assert later[: len(earlier)] == earlier


def spoken(items: list[Json], dialect: AnthropicDialect) -> list[tuple[str, Json]]:
    return [(role, block) for role, blocks in messages(*items, dialect=dialect) for block in blocks]
