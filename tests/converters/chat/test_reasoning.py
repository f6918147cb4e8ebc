"""Earlier thinking, on its way back."""

from typing import Any

import pytest

from converters import seal
from converters.chat.dialect import ChatDialect
from converters.jsontext import Json
from tests.converters.chat.sample_requests import body, messages, sealed, thought
from tests.converters.sample_items import assistant, call, output, user

CALLS = (call("a"), output("a"))


def steps(*items: Json, **flags: Any) -> list[Json]:
    return [message for message in messages(user(), *items, **flags) if message["role"] == "assistant"]


def test_nothing_goes_back_unless_it_is_wanted() -> None:
    (step,) = steps(sealed({"text": "why"}), *CALLS)
    assert set(step) == {"role", "content", "tool_calls"}


@pytest.mark.parametrize("mode", ["text", "exact", "calls"])
def test_the_exact_text_goes_back(mode: str) -> None:
    (step,) = steps(sealed({"text": " why\n"}, "shown"), *CALLS, reasoning_back=mode)
    assert step["reasoning_content"] == " why\n"


def test_the_field_may_have_another_name() -> None:
    (step,) = steps(sealed({"text": "why"}), *CALLS, reasoning_back="text", reasoning_field="reasoning")
    assert (step["reasoning"], "reasoning_content" in step) == ("why", False)


def test_several_thoughts_of_one_step_are_one() -> None:
    (step,) = steps(sealed({"text": "a"}), assistant("x"), sealed({"text": "b"}), *CALLS, reasoning_back="text")
    assert step["reasoning_content"] == "ab"


@pytest.mark.parametrize(
    ("mode", "lost"), [("text", [None, None]), ("exact", ["", ""]), ("calls", [".", None]), ("details", [None, None])]
)
def test_lost_thinking_is_stood_in_for_as_each_host_wants(mode: str, lost: list[str | None]) -> None:
    assistant_messages = steps(*CALLS, assistant("done"), user(), reasoning_back=mode)
    assert [step.get("reasoning_content") for step in assistant_messages] == lost


@pytest.mark.parametrize("foreign", ["gAAAA-of-OpenAI", seal.wrap("anthropic", {"thinking": "x"}), "tcx1.chat.broken!"])
def test_what_another_model_thought_stays_away(foreign: str) -> None:
    (step,) = steps(thought("shown", foreign), *CALLS, reasoning_back="exact")
    assert step["reasoning_content"] == ""


@pytest.mark.parametrize("encrypted", [None, "", seal.OPEN])
def test_a_thought_with_nothing_sealed_is_its_own_text(encrypted: str | None) -> None:
    (step,) = steps(thought("shown", encrypted), *CALLS, reasoning_back="text")
    assert step["reasoning_content"] == "shown"


def test_no_thinking_goes_back_once_it_is_switched_off() -> None:
    dialect = ChatDialect(effort="thinking", reasoning_back="exact")
    result = body(user(), sealed({"text": "why"}), *CALLS, dialect=dialect, reasoning={"effort": "none"})
    assert "reasoning_content" not in result["messages"][1]


DETAIL = {"type": "reasoning.text", "text": "why", "index": 0, "format": "anthropic-claude-v1", "signature": "s"}
SECRET = {"type": "reasoning.encrypted", "data": "x", "index": 0, "format": "google-gemini-v1"}


def test_details_go_back_in_order_and_unchanged() -> None:
    (step,) = steps(sealed({"details": [DETAIL]}), sealed({"details": [SECRET]}), *CALLS, reasoning_back="details")
    assert step["reasoning_details"] == [DETAIL, SECRET]
    assert "reasoning" not in step


def test_a_signature_sealed_later_joins_its_text() -> None:
    text = {name: value for name, value in DETAIL.items() if name != "signature"}
    alone = {name: value for name, value in DETAIL.items() if name != "text"}
    (step,) = steps(sealed({"details": [text]}), *CALLS[:1], sealed({"details": [alone]}), reasoning_back="details")
    assert step["reasoning_details"] == [DETAIL]


def test_unsigned_texts_of_claude_are_left_out() -> None:
    unsigned = {name: value for name, value in DETAIL.items() if name != "signature"}
    (step,) = steps(sealed({"details": [unsigned]}), *CALLS, reasoning_back="details")
    assert not {"reasoning_details", "reasoning"} & set(step)


def test_a_detail_of_a_call_follows_its_calls_new_id() -> None:
    items = (call("t"), output("t"), sealed({"details": [{**SECRET, "id": "t"}]}), call("t"), output("t"))
    _, step = steps(*items, reasoning_back="details")
    assert step["reasoning_details"][0]["id"] == step["tool_calls"][0]["id"] != "t"


def test_plain_thinking_stands_in_for_details() -> None:
    (step,) = steps(sealed({"text": "why"}), *CALLS, reasoning_back="details")
    assert step["reasoning"] == "why"


def test_the_text_of_details_serves_a_host_that_wants_text() -> None:
    (step,) = steps(sealed({"details": [DETAIL, SECRET]}), *CALLS, reasoning_back="exact")
    assert step["reasoning_content"] == "why"


def test_thinking_as_content_parts() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "why"}]}
    first, second = steps(
        sealed({"text": "why"}), *CALLS, sealed({"text": "why"}), assistant("x"), reasoning_back="parts"
    )
    assert first["content"] == [thinking]
    assert second["content"] == [thinking, {"type": "text", "text": "x"}]


def test_thinking_between_tags() -> None:
    first, second = steps(
        sealed({"text": "why"}), *CALLS, sealed({"text": "why"}), assistant("x"), reasoning_back="think"
    )
    assert first["content"] == "<think>why</think>\n\n"
    assert second["content"] == "<think>why</think>\n\nx"


def test_a_calls_signature_returns_to_its_call() -> None:
    signature = {"google": {"thought_signature": "s"}}
    items = (sealed({"signatures": {"b": signature}}), call("a"), call("b"), output("a"), output("b"))
    (step,) = steps(*items, call_signatures=True)
    assert [entry.get("extra_content") for entry in step["tool_calls"]] == [None, signature]
    (step,) = steps(*items)
    assert all("extra_content" not in entry for entry in step["tool_calls"])


@pytest.mark.parametrize("wrong", [7, [], [7], {}, "", ["x"], [[]], {"a": 1}])
@pytest.mark.parametrize("mode", ["text", "details", "think"])
def test_a_seal_with_another_payload_than_ours_says_nothing(wrong: Any, mode: str) -> None:
    for payload in ({"text": wrong}, {"details": wrong}, {"signatures": wrong}, wrong):
        (step,) = steps(sealed(payload), *CALLS, reasoning_back=mode, call_signatures=True)
        assert step["content"] is None or "<think>" not in step["content"]
        assert not {"reasoning_content", "reasoning", "reasoning_details"} & set(step)


@pytest.mark.parametrize("wrong", [7, [], {}, None])
def test_details_of_another_form_go_back_as_they_are(wrong: Any) -> None:
    piece = {"type": "reasoning.text", "text": wrong, "id": wrong, "index": wrong, "signature": "c2ln"}
    (step,) = steps(sealed({"details": [piece, piece]}), *CALLS, reasoning_back="details")
    assert step["reasoning_details"]
