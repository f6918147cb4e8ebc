"""JSON text, read leniently and written compactly.

Whatever `loads` gives can be written again, within anything of ours: its numbers fit into 64 bits (larger integers are
floats), its texts are Unicode, and nothing in it is nested deeper than `MOST_LEVELS`. This is the one place where depth
is checked, for requests, responses, calls' arguments and seals: whoever walks through a loaded value may recurse.

orjson is strict where the field is not: a lone surrogate (half an emoji, cut by somebody's tokenizer) makes it refuse a
whole message. The halves become U+FFFD, which upstreams take. So do bytes that are no UTF-8, for the same reason.
"""

import re
from itertools import islice
from typing import Any

import orjson

from converters import surrogates

type Json = dict[str, Any]


def dumps(value: Any) -> bytes:
    """The JSON text of a value; halves of characters in it, see `loads_pieces`, are whole or U+FFFD."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return orjson.dumps(surrogates.all_whole(value))


MOST_LEVELS = 128
"""Of objects and lists within each other. orjson writes 254, and a request or a response adds a dozen around a part."""


class TooDeep(ValueError):
    """JSON that is nested deeper than `MOST_LEVELS`.

    `place` is the path to where that begins, its first steps; "" where it would take too long to find.
    """

    def __init__(self, place: str) -> None:
        super().__init__(f"nested deeper than {MOST_LEVELS} levels")
        self.place = place


def loads(text: bytes | str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: the text is not JSON (`orjson.JSONDecodeError` is one), or `TooDeep`.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        value = _repaired(text, error)
    if _can_be_deep(text) and _is_deep(value):
        raise TooDeep(_deep_place(_as_text(text)))
    return value


def loads_pieces(text: bytes) -> Any:
    """The value of a JSON text that holds pieces of texts: halves of characters at their borders stay.

    Raises:
        ValueError: as `loads`.
    """
    if b"\\u" not in text:
        return loads(text)
    marked = surrogates.marked(_as_text(text))
    return surrogates.unmarked(loads(marked)) if marked else loads(text)


def _repaired(text: bytes | str, error: orjson.JSONDecodeError) -> Any:
    readable = _as_text(text)
    try:
        if not _is_depth(error):
            if "\\u" not in readable and "\ufffd" not in readable:
                raise error
            try:
                return orjson.loads(surrogates.replaced(readable))
            except orjson.JSONDecodeError as second:
                error = second
        if _is_depth(error):
            raise TooDeep(_deep_place(readable)) from error
        raise error
    finally:
        del error  # it holds this frame, and so itself and all that called, until the garbage collector comes by


def _is_depth(error: orjson.JSONDecodeError) -> bool:
    """orjson itself reads 1,024 levels."""
    return "depth limit" in error.msg or "ecursion limit" in error.msg


def _as_text(text: bytes | str) -> str:
    return (text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text).decode("utf-8", "replace")


# --- depth ---

_SHORT = 4096


def _can_be_deep(text: bytes | str) -> bool:
    """Most texts are too short, or hold too little, for a look at their value."""
    if len(text) <= 2 * MOST_LEVELS:
        return False
    if len(text) > _SHORT:  # here counting takes longer than looking
        return True
    opened = text.count("{") + text.count("[") if isinstance(text, str) else text.count(b"{") + text.count(b"[")
    return opened > MOST_LEVELS


def _is_deep(value: Any) -> bool:
    """Level by level, and only what holds something: thousands of items take a twentieth of their conversion."""
    level = [value] if type(value) is dict or type(value) is list else []
    for _ in range(MOST_LEVELS):
        level = [
            inner
            for container in level
            for inner in (container.values() if type(container) is dict else container)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return False
    return True


_TOKEN = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"|[][{},]', re.DOTALL)
_STEPS_SHOWN, _KEY_SHOWN = 8, 40
_MOST_TOKENS = 500_000


def _deep_place(text: str) -> str:
    path: list[str | int] = []
    for token in islice(_TOKEN.finditer(text), _MOST_TOKENS):
        match token[0]:
            case "{" | "[" if len(path) == MOST_LEVELS:
                break
            case "{":
                path.append("")
            case "[":
                path.append(0)
            case "}" | "]":
                path.pop()
            case ",":
                if path and isinstance(path[-1], int):
                    path[-1] += 1
            case _ if path and isinstance(path[-1], str):  # a key, or a text that the next key replaces
                path[-1] = token[1][:_KEY_SHOWN]
    else:
        return ""
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path[:_STEPS_SHOWN])
    return f"{steps.removeprefix('.')}..."
