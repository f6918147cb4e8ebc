"""An upstream's values, taken for what they should be.

What is null, empty or absent is not there. What is of another type than it should be is left out, and listed as a loss
with its place; the rest of the response is converted. Nothing here raises, whatever JSON holds.
"""

from typing import Any

from converters import surrogates
from converters.jsontext import Json
from converters.losses import Losses

_MOST = 2**53 - 1
"""The largest number that all who read JSON agree on; sums of a few of these fit into 64 bits."""

_MOST_DIGITS = 15

_KINDS: dict[type, str] = {str: "a text", list: "a list", dict: "an object", bool: "true", int: "a number"}


class Reader:
    """Reads one response. Places are JSON paths into it, `[]` for any place in a list: a loss is listed once."""

    def __init__(self, losses: Losses) -> None:
        self._losses = losses

    def text(self, value: Any, place: str) -> str:
        """Of a delta: may begin or end with half a character."""
        if isinstance(value, str):
            return value
        self._leave_out(value, place, "a text")
        return ""

    def word(self, value: Any, place: str) -> str:
        """A name or an id. Some hosts number what others name."""
        if value and isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return surrogates.whole(self.text(value, place))

    def number(self, value: Any, place: str) -> int:
        """How many; 0 where there is none."""
        return self.number_or_none(value, place) or 0

    def number_or_none(self, value: Any, place: str) -> int | None:
        """A whole number that is not negative, also where it comes as a text."""
        if isinstance(value, str) and value.isdecimal() and len(value) <= _MOST_DIGITS:
            return int(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MOST:
            return int(value)
        self._leave_out(value, place, "a whole number")
        return None

    def table(self, value: Any, place: str) -> Json:
        if isinstance(value, dict):
            return value
        self._leave_out(value, place, "an object")
        return {}

    def tables(self, value: Any, place: str) -> list[Json]:
        """The objects in a list."""
        if not isinstance(value, list):
            self._leave_out(value, place, "a list")
            return []
        found = [element for element in value if isinstance(element, dict)]
        if len(found) < len(value):
            for element in value:
                if not isinstance(element, dict):
                    self._leave_out(element, f"{place}[]", "an object")
        return found

    def _leave_out(self, value: Any, place: str, wanted: str) -> None:
        if value:
            self._losses.note(f"answer.{place}", _KINDS.get(type(value), "a number"), f"not {wanted}")
