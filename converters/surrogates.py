"""Halves of characters: what stands beyond U+FFFF is two `\\u` escapes in JSON, and some upstreams cut between them.

A text that ends in one half and a later one that begins with the other are one character again. Python holds a half as
a lone surrogate, which cannot be written: whoever keeps texts of a response makes them `whole`.
"""

import re
from collections.abc import Callable
from typing import Any

_ESCAPED = re.compile(
    r"(\\(?<!\\\\)(?:\\\\)*+)"  # the last of an odd number of backslashes begins an escape
    r"(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u([dD][89a-fA-F][0-9a-fA-F]{2}))"  # a whole pair, or half of one
)
_STAND_INS = 0x100000
"""How far from the surrogates those private characters are that stand for them while a text is parsed."""

_STAND_IN = re.compile("[\U0010d800-\U0010dfff]")
find_half = re.compile("[\ud800-\udfff]").search
"""Whether a text is not whole."""


_TAKEN = re.compile("[\U0010d800-\U0010dfff]|\\\\u[dD][bB][fF][67]")
"""What a stand-in could be taken for: the private character itself."""


def replaced(json_text: str) -> str:
    """A JSON text with U+FFFD in place of each escaped half."""
    return _each_half(json_text, lambda _: "\ufffd")


def marked(json_text: str) -> str:
    """A JSON text with a character of its own in place of each escaped half, so that a strict parser takes it.

    Empty where there is no half, or a character that one of these could be taken for.
    """
    found = _each_half(json_text, lambda code: chr(code + _STAND_INS))
    return "" if len(found) == len(json_text) or _TAKEN.search(json_text) else found


def _each_half(json_text: str, stand_in: Callable[[int], str]) -> str:
    def replace(escape: re.Match[str]) -> str:
        return f"{escape[1][:-1]}{stand_in(int(escape[2], 16))}" if escape[2] else escape[0]

    return _ESCAPED.sub(replace, json_text)


def unmarked(value: Any) -> Any:
    """A parsed value with halves where `marked` put characters for them."""
    return _each_text(value, lambda text: _STAND_IN.sub(lambda found: chr(ord(found[0]) - _STAND_INS), text))


def whole(text: str) -> str:
    """A text in which halves that meet are one character, and any other is U+FFFD."""
    if text.isascii() or not find_half(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def all_whole(value: Any) -> Any:
    """A value of JSON in which each text is whole."""
    return _each_text(value, whole)


def cut(text: str) -> tuple[str, str]:
    """A text made whole, but for a half at its end whose other half may follow: that is the second."""
    ends_in_half = "\ud800" <= text[-1:] <= "\udbff"
    return (whole(text[:-1]), text[-1]) if ends_in_half else (whole(text), "")


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    match value:
        case str():
            return change(value)
        case list():
            return [_each_text(element, change) for element in value]
        case dict():
            return {change(key): _each_text(element, change) for key, element in value.items()}
        case _:
            return value
