"""Requests as text for a person."""

from typing import Any

from converters.protocols import PROTOCOLS
from converters.rendering.request import conversation, lines

RENDERING = PROTOCOLS["anthropic"].rendering


def shown(**body: Any) -> list[str]:
    return list(lines({"model": "m", **body}, "anthropic", RENDERING))


def test_settings_are_shown_by_their_path_and_what_is_not_set_is_left_out() -> None:
    assert shown(stream=True, text={"format": {"type": "json", "schema": {"a": {}}}, "verbosity": None}, include=[])[
        1
    ] == ('  stream true · text.format.type json · text.format.schema {"a":{}}')


def test_a_system_prompt_of_blocks_is_shown_as_one_text() -> None:
    assert shown(system=[{"text": "Be brief."}, {"text": "Be kind."}])[2:5] == ["system", "  Be brief.", "  Be kind."]


def test_a_bare_text_is_a_user_s() -> None:
    assert list(conversation("hi", RENDERING)) == ["  0  user", "     hi"]


def test_what_is_no_conversation_has_no_items() -> None:
    assert list(conversation({"odd": 1}, RENDERING)) == []


def test_of_a_very_long_conversation_the_last_items_are_shown() -> None:
    messages = [{"role": "user", "content": f"Word {n}."} for n in range(300_000)]
    shown = list(conversation(messages, RENDERING))
    assert shown[0] == "[... 295,000 earlier items ...]"
    assert shown[1] == "295000  user · Word 295000."
    assert shown[-1] == "     Word 299999."
