"""`reasoning_details`: thinking as OpenRouter and MiniMax stream it, in pieces that go back whole and in order.

https://openrouter.ai/docs/use-cases/reasoning-tokens
"""

from collections.abc import Iterable
from typing import Any

from converters.jsontext import Json

_TEXTS = ("text", "summary")


def merged(pieces: Iterable[Any], *, cumulative: bool = False) -> list[Json]:
    """The details that streamed pieces make: the pieces of one text are one again. The pieces themselves stay.

    `cumulative`: a piece holds its whole text so far.
    """
    found: list[_Detail] = []
    for piece in pieces:
        if not isinstance(piece, dict):
            continue
        if not (found and found[-1].takes(piece)):
            found.append(_Detail(piece))
        found[-1].add(piece, cumulative)
    return [detail.whole() for detail in found]


class _Detail:
    """One detail while its pieces come."""

    def __init__(self, piece: Json) -> None:
        self._key = _key(piece)
        self._fields: Json = {}
        self._texts: list[str] = []
        self._place = (piece.get("type"), piece.get("index"))

    def takes(self, piece: Json) -> bool:
        """Whether a piece is of this text: the same kind and place, and the text is not signed yet."""
        if self._key is None or self._fields.get("signature"):
            return False
        if (piece.get("type"), piece.get("index")) != self._place:
            return False
        key = _key(piece)
        return key == self._key or (key is None and bool(piece.get("signature")))

    def add(self, piece: Json, cumulative: bool) -> None:
        for name, value in piece.items():
            if name == self._key and isinstance(value, str):
                # Texts so far are all kept in one; others are joined at the end: there may be thousands.
                again = cumulative and self._texts and value.startswith(self._texts[-1])
                self._texts[-1 if again else len(self._texts) :] = [value]
                self._fields.setdefault(name, "")
            elif value or (name not in self._fields and name != "signature"):
                # An empty signature only announces one: as a signature it would be refused.
                self._fields[name] = value

    def whole(self) -> Json:
        return {**self._fields, self._key: "".join(self._texts)} if self._key else self._fields


def _key(piece: Json) -> str | None:
    return next((key for key in _TEXTS if isinstance(piece.get(key), str)), None)


def text_of(details: Iterable[Any]) -> str:
    """What a person may read of details; encrypted ones hold nothing readable."""
    return "".join(
        piece[key] for piece in details if isinstance(piece, dict) for key in _TEXTS if isinstance(piece.get(key), str)
    )


def is_unsigned_claude(detail: Json) -> bool:
    """Claude's thinking whose signature never came; Anthropic refuses it."""
    claude = str(detail.get("format") or "").startswith("anthropic")
    return claude and "text" in detail and not detail.get("signature")
