"""Where the prompt cache is told to remember."""

from typing import Any

from converters.anthropic.dialect import AnthropicDialect
from converters.jsontext import Json
from tests.converters.anthropic.sample_requests import body, signed
from tests.converters.sample_items import FUNCTION, assistant, call, developer, output, user

CACHED = AnthropicDialect(thinking="adaptive")
TURNS = [developer("base"), user("a"), signed("why"), call(), output(), assistant("b"), user("c"), assistant("d")]


def marked(sent: Json) -> list[Any]:
    """The marked things, as the text or id that tells them apart, in the order of the prefix."""
    blocks = [block for message in sent["messages"] for block in message["content"]]
    every = [*sent.get("tools", []), *sent.get("system", []), *blocks]
    return [
        element.get("name") or element.get("text") or element.get("tool_use_id")
        for element in every
        if element.get("cache_control") == {"type": "ephemeral"}
    ]


def test_the_last_tool_the_instructions_and_the_last_two_turns_are_marked() -> None:
    assert marked(body(*TURNS, user("e"), tools=[FUNCTION], dialect=CACHED)) == ["f", "base", "c", "e"]


def test_a_turn_reads_where_the_turn_before_wrote() -> None:
    earlier = marked(body(developer("base"), user("a"), dialect=CACHED))
    later = marked(body(developer("base"), user("a"), call(), output(), dialect=CACHED))
    assert earlier == ["base", "a"]
    assert later == ["f", "base", "a", "c"]


def test_a_host_that_knows_no_marks_gets_none() -> None:
    assert marked(body(*TURNS, tools=[FUNCTION], dialect=AnthropicDialect(cache=False))) == []


def test_marks_apart_two_turns_say_the_same() -> None:
    plain = CACHED.model_copy(update={"cache": False})
    assert without_marks(body(*TURNS, tools=[FUNCTION], dialect=CACHED)) == body(
        *TURNS, tools=[FUNCTION], dialect=plain
    )


def without_marks(value: Any) -> Any:
    match value:
        case dict():
            return {name: without_marks(one) for name, one in value.items() if name != "cache_control"}
        case list():
            return [without_marks(element) for element in value]
        case _:
            return value
