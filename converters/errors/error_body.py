"""What an error body holds, in any of the field's forms: nested, flat, string, lists, HTML pages, nothing at all.

    OpenAI, Azure, Groq ...  {"error": {"message", "type", "param", "code"}}
    OpenRouter               {"error": {"message", "code": 502, "metadata": {"raw": "<the provider's own body>"}}}
    Anthropic                {"type": "error", "error": {"type", "message"}, "request_id"}
    Google                   [{"error": {"code": 429, "message", "status", "details": [{"retryDelay": "7s"}]}}]
    Mistral, vLLM            {"object": "error", "message", "type", "code": "1500"}, {"detail": [{"loc", "msg"}]}
    xAI, Ollama              {"code": "<text>", "error": "<text>"}, {"error": "<text>"}
    MiniMax                  {"base_resp": {"status_code": 1008, "status_msg"}}
    SiliconFlow, Bedrock     {"code": 30001, "message", "data": null}, {"message", "__type"}

Read is only the beginning of a body, and only so deep: what a person or the table of codes needs stands there.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from converters import jsontext
from converters.errors.one_line import one_line, page_words
from converters.jsontext import Json

MOST_READ = 1 << 16
"""Bytes of a body."""

_DEEPEST = 6
_MOST_OBJECTS = 24
_MOST_OF_A_CODE = 100
_HIGHEST = 10**9

_MESSAGE_KEYS = (
    *("message", "Message", "detail", "msg", "status_msg", "error_description", "title"),
    *("error", "errors", "base_resp"),
)
_CODE_KEYS = ("code", "type", "status", "reason", "status_code", "__type", "error_type")
_STATUS_KEYS = ("status_code", "statusCode", "http_code", "code", "status")
_WAIT_KEYS = {
    "retryDelay": 1.0,
    "retry_after": 1.0,
    "retry_after_seconds": 1.0,
    "resets_in_seconds": 1.0,
    "retry_after_ms": 0.001,
}
_UNTIL_KEY = "resets_at"
"""Of the end of a wait, as an epoch in seconds."""

_INNER_KEYS = ("error", "errors", "detail", "details", "metadata", "raw", "innererror", "base_resp", "response")
"""Where an error keeps more of itself."""


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """`message` is one line for a person; `codes` are all types and codes, the innermost first, as they were spelled.

    `status` is the HTTP status that a gateway wrote into it, `wait` the seconds that a field holds, `until` the epoch
    in another, `params` the places in the request that it names.
    """

    message: str
    codes: tuple[str, ...] = ()
    status: int | None = None
    wait: float | None = None
    until: float | None = None
    params: tuple[str, ...] = ()


def describe(body: bytes) -> str:
    """An error body's message for a person."""
    return read_body(body).message


def read_body(body: bytes) -> ErrorBody:
    head = body[:MOST_READ]
    try:
        value = jsontext.loads(head)
    except (ValueError, RecursionError):
        return _no_json(head.decode("utf-8", "replace"))
    return read_value(value, head)


def read_value(value: Any, body: bytes = b"") -> ErrorBody:
    """What a parsed error holds; `body` is shown where it has no message."""
    objects = list(islice(_objects(value, _DEEPEST), _MOST_OBJECTS))
    codes = [code for element in reversed(objects) for code in _codes(element)]
    statuses = (status for element in objects if (status := _status(element)) is not None)
    waits = (wait for element in objects if (wait := _wait(element)) is not None)
    ends = (end for element in objects if (end := _until(element)) is not None)
    message = one_line(_message(value, _DEEPEST)) or one_line(body.decode("utf-8", "replace"))
    params = tuple(param for element in reversed(objects) if (param := _code(element.get("param"))))
    return ErrorBody(
        message or "(no message)",
        tuple(codes),
        next(statuses, None),
        next(waits, None),
        next(ends, None),
        params,
    )


_FIELD = re.compile(r'"(message|detail|msg|code|type|status)"\s{0,9}+:\s{0,9}+"([^"\\]{1,1000}+)')


def _no_json(text: str) -> ErrorBody:
    """A page, plain words, or JSON that is cut: a validation error that holds all of the prompt."""
    if not text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return ErrorBody(one_line(page_words(text)) or "(no message)")
    fields = _FIELD.findall(text)
    messages = [value for name, value in fields if name in _MESSAGE_KEYS]
    codes = [value for name, value in fields[:_MOST_OBJECTS] if name in _CODE_KEYS and len(value) <= _MOST_OF_A_CODE]
    return ErrorBody(one_line(messages[0] if messages else text), tuple(codes))


def _objects(value: Any, depth: int) -> Iterator[Json]:
    """The objects that an error is made of, the outermost first."""
    if depth == 0:
        return
    match value:
        case list():
            for element in value[:_MOST_OBJECTS]:
                yield from _objects(element, depth - 1)
        case dict():
            yield value
            for key in _INNER_KEYS:
                yield from _objects(value.get(key), depth - 1)
            yield from _objects(_parsed(value.get("message")), depth - 1)
        case str():
            yield from _objects(_parsed(value), depth - 1)


def _parsed(text: Any) -> Json | list[Any] | None:
    """An error that stands as JSON text in another one's field."""
    if not isinstance(text, str) or not text.lstrip().startswith(("{", "[")):
        return None
    try:
        value = jsontext.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _message(value: Any, depth: int) -> str:
    if depth == 0:
        return ""
    match value:
        case str():
            inner = _parsed(value)
            return (_message(inner, depth - 1) if inner else "") or value.strip()
        case [first, *_]:
            return _message(first, depth - 1)
        case {"error": {"metadata": {"raw": raw}, **error}} if raw:
            return f"{_message(error, depth - 1)}: {_message(raw, depth - 1)}"
        case {"msg": str(text), "loc": [*path]}:
            return f"{'.'.join(str(step) for step in path[:_DEEPEST] if isinstance(step, str | int))}: {text}"
        case dict():
            return next((message for key in _MESSAGE_KEYS if (message := _message(value.get(key), depth - 1))), "")
        case _:
            return ""


def _codes(error: Json) -> list[str]:
    # The same numbers mean different things in `status_code` and in `code`.
    codes = ((key, _code(error.get(key))) for key in _CODE_KEYS)
    return [f"{key} {code}" if key == "status_code" else code for key, code in codes if code]


def _code(value: Any) -> str:
    match value:
        case str():
            return value if len(value) <= _MOST_OF_A_CODE else ""
        case int() if not isinstance(value, bool) and -_HIGHEST < value < _HIGHEST:
            return str(value)
        case _:
            return ""


def _status(error: Json) -> int | None:
    for key in _STATUS_KEYS:
        code = _code(error.get(key))
        if len(code) == 3 and code.isascii() and code.isdecimal() and 400 <= int(code) < 600:
            return int(code)
    return None


_SECONDS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s?", re.ASCII)


def _wait(error: Json) -> float | None:
    for key, unit in _WAIT_KEYS.items():
        if (found := _SECONDS.fullmatch(_code(error.get(key)))) is not None:
            return float(found[1]) * unit
    return None


def _until(error: Json) -> float | None:
    match error.get(_UNTIL_KEY):
        case bool():
            return None
        case int() | float() as epoch if _HIGHEST <= epoch < 4 * _HIGHEST:
            return float(epoch)
        case _:
            return None
