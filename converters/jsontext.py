"""JSON text, read leniently and written compactly.

orjson is strict where the field is not: a lone surrogate (half an emoji, cut by somebody's tokenizer) makes it refuse a
whole message. Such text is read by the standard library instead, and the halves become U+FFFD, which upstreams take. So
do bytes that are no UTF-8, for the same reason.
"""

import json
from typing import Any

import orjson

type Json = dict[str, Any]

dumps = orjson.dumps


def loads(text: bytes | str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: the text is not JSON (`orjson.JSONDecodeError` is one).
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        readable = _as_text(text)
        if "\\u" not in readable and "\ufffd" not in readable:
            raise
        return _without_lone_surrogates(json.loads(readable))


def _as_text(text: bytes | str) -> str:
    return text if isinstance(text, str) else text.decode("utf-8", "replace")


def _without_lone_surrogates(value: Any) -> Any:
    match value:
        case str():
            return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [_without_lone_surrogates(one) for one in value]
        case dict():
            return {_without_lone_surrogates(k): _without_lone_surrogates(v) for k, v in value.items()}
        case _:
            return value
