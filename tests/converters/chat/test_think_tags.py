"""Thinking between tags at the start of a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters.chat.think_tags import ThinkTags


def tell(*pieces: str, opened: bool = False) -> dict[str, str]:
    """All that was thought and all that was said."""
    tags = ThinkTags(opened=opened)
    found = {"thinking": "", "text": ""}
    for kind, text in [told for piece in pieces for told in tags.feed(piece)] + tags.close():
        assert text
        found[kind] += text
    return found


@pytest.mark.parametrize(
    ("text", "thinking", "said"),
    [
        ("<think>why</think>because", "why", "because"),
        ("\n<think>\nwhy\n</think>\n\nbecause", "\nwhy\n", "because"),
        ("<think>why", "why", ""),
        ("<think>why</thi", "why</thi", ""),
        ("<think></think>because", "", "because"),
        ("<thinking>why</thinking>because", "why", "because"),
        ("[THINK]why[/THINK]because", "why", "because"),
        ("◁think▷why◁/think▷because", "why", "because"),
        ("<think>a</think>b<think>c</think>", "a", "b<think>c</think>"),
        ("say <think>x</think>", "", "say <think>x</think>"),
        ("why</think>because", "", "why</think>because"),
        ("<thin ice", "", "<thin ice"),
        ("\n\nhello", "", "\n\nhello"),
        ("\n\n", "", "\n\n"),
        ("", "", ""),
    ],
)
def test_tells_thinking_and_text_apart_wherever_the_stream_is_cut(text: str, thinking: str, said: str) -> None:
    assert tell(text) == {"thinking": thinking, "text": said}
    assert tell(*text) == {"thinking": thinking, "text": said}


@pytest.mark.parametrize(
    ("text", "thinking", "said"),
    [
        ("why</think>\n\nbecause", "why", "because"),
        ("<think>why</think>because", "why", "because"),
        ("a < b</think>c</think>", "a < b", "c</think>"),
        ("why", "why", ""),
        ("</think>because", "", "because"),
    ],
)
def test_an_answer_may_begin_within_its_thinking(text: str, thinking: str, said: str) -> None:
    assert tell(text, opened=True) == {"thinking": thinking, "text": said}
    assert tell(*text, opened=True) == {"thinking": thinking, "text": said}


@given(st.lists(st.sampled_from(["<think>", "</think>", "<", "/", "think", ">", " ", "\n", "a"]), max_size=12))
def test_cuts_change_nothing(pieces: list[str]) -> None:
    assert tell(*pieces) == tell("".join(pieces))


def test_is_settled_once_only_text_can_come() -> None:
    tags = ThinkTags()
    tags.feed("<th")
    assert not tags.settled
    tags.feed("e end")
    assert tags.settled
    assert tags.feed("<think>") == [("text", "<think>")]


def test_something_else_than_text_ends_the_wait_for_a_tag() -> None:
    tags = ThinkTags()
    assert tags.feed("<thi") == []
    assert tags.interrupt() == [("text", "<thi")]
    assert tags.settled


def test_an_interruption_does_not_end_the_thinking() -> None:
    tags = ThinkTags()
    tags.feed("<think>a")
    assert tags.interrupt() == []
    assert tags.feed("b</think>c") == [("thinking", "b"), ("text", "c")]


def test_blank_space_without_end_is_text() -> None:
    tags = ThinkTags()
    result = [piece for _ in range(2000) for piece in tags.feed(" ")]
    assert "".join(text for kind, text in result if kind == "text") == " " * 2000
