"""That no text makes a pattern work for long."""

import re
from typing import Any

import pytest

from converters.errors import error_body, retry_after, words

PATTERNS = {
    f"{module.__name__}.{name}": value
    for module in (words, error_body, retry_after)
    for name, value in vars(module).items()
    if isinstance(value, re.Pattern)
}
_constants: Any = re._constants  # type: ignore[attr-defined]
_parser: Any = re._parser  # type: ignore[attr-defined]


def ways(parsed: Any) -> int:
    """In how many ways a pattern can be tried at one place, at the most: each optional thing there or not, and so on."""
    total = 1
    for kind, argument in parsed:
        match kind:
            case _constants.BRANCH:
                total *= sum(ways(branch) for branch in argument[1])
            case _constants.SUBPATTERN:
                total *= ways(argument[-1])
            case _constants.MAX_REPEAT | _constants.MIN_REPEAT:
                least, most, what = argument
                total *= sum(ways(what) ** count for count in range(least, most + 1))
            case _constants.POSSESSIVE_REPEAT:
                pass  # it never gives back what it took
    return total


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_each_place_is_tried_in_few_ways_and_not_far(pattern: re.Pattern[str]) -> None:
    """So the steps of a search are at most the text's length times a number that the text has no part in."""
    parsed = _parser.parse(pattern.pattern, pattern.flags)
    assert parsed.getwidth()[1] <= 1100
    assert ways(parsed) <= 2000


def test_a_pattern_with_an_unbounded_repeat_would_be_found() -> None:
    assert _parser.parse("a.*b").getwidth()[1] > 1100
    assert ways(_parser.parse("(?:ab|bc|cd){0,9}")) > 2000


def test_words_are_believed_where_they_make_sense() -> None:
    assert words.kind_beside(400, "The model `x` does not exist") == "model_not_found"
    assert words.kind_beside(429, "The model `x` does not exist") is None
    assert words.kind_beside(400, "tool_choice 'required' is not supported with this model") is None
    assert words.kind_beside(400, "Property names are case-sensitive") is None
    assert words.kind_beside(400, "see https://platform.openai.com/account/billing") is None
    assert words.kind_alone("just words") is None
