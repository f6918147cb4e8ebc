"""`reasoning_details`: thinking as OpenRouter and MiniMax stream it, in pieces that go back whole and in order.

https://openrouter.ai/docs/use-cases/reasoning-tokens
"""

from collections.abc import Iterable
from typing import Any

from converters.jsontext import Json

_TEXTS = ("text", "summary")


def merge(into: list[Json], pieces: Iterable[Any], *, cumulative: bool = False) -> None:
    """Adds streamed pieces to the details so far; the pieces of one text become one detail again.

    `cumulative`: a piece holds its whole text so far. The pieces themselves are not changed.
    """
    for piece in pieces:
        if not isinstance(piece, dict):
            continue
        key = next((key for key in _TEXTS if isinstance(piece.get(key), str)), None)
        last = into[-1] if into else None
        if last is not None and _continues(last, piece, key):
            _extend(last, piece, key, cumulative)
        else:
            # An empty signature announces one: as a signature it would be refused.
            into.append({name: value for name, value in piece.items() if not (name == "signature" and not value)})


def _continues(last: Json, piece: Json, key: str | None) -> bool:
    """Whether a piece belongs to the text before it: the same kind and place, and that one is not signed yet."""
    if (last.get("type"), last.get("index")) != (piece.get("type"), piece.get("index")):
        return False
    if last.get("signature") or not any(name in last for name in _TEXTS):
        return False
    return key in last if key else bool(piece.get("signature"))


def _extend(last: Json, piece: Json, key: str | None, cumulative: bool) -> None:
    if key:
        text = piece[key]
        last[key] = text if cumulative and text.startswith(last[key]) else last[key] + text
    for name, value in piece.items():
        if value and name != key:
            last[name] = value


def text_of(details: Iterable[Any]) -> str:
    """What a person may read of details; encrypted ones say nothing."""
    return "".join(
        piece[key] for piece in details if isinstance(piece, dict) for key in _TEXTS if isinstance(piece.get(key), str)
    )


def is_unsigned_claude(detail: Json) -> bool:
    """Claude's thinking whose signature never came; Anthropic refuses it."""
    claude = str(detail.get("format") or "").startswith("anthropic")
    return claude and "text" in detail and not detail.get("signature")
