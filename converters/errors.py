"""Whose fault it is, and what the client is told.

One table (`_TELL`) says for each kind of fault what Codex is told, before the stream and within it, and what other
clients are told. The codes are chosen by what Codex does with them (measured with 0.169): `invalid_prompt` and
`model_not_found` show our message and stop, other 4xx are retried five times in vain, 429 and 5xx are worth a retry and
carry Retry-After.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from converters import jsontext, sse
from converters.jsontext import Json

type Client = Literal["codex", "older-codex", "other"]
"""`older-codex`: before 0.169. It shows the whole body of an HTTP 400, reads no code in it, and gives up at a 429; but
what `response.failed` says, it understands (measured with 0.145 and 0.166)."""

type Kind = Literal[
    "context_overflow",
    "bad_request",
    "model_not_found",
    "auth",
    "quota",
    "rate_limited",
    "overloaded",
    "server",
    "unreachable",
    "timeout",
    "content_policy",
    "cut",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong upstream, told in one way by all protocols.

    `message` is for the user and names who said it; `status` is the upstream's HTTP status where there was one;
    `retry_after` is in whole seconds, or an HTTP date as the upstream sent it.
    """

    kind: Kind
    message: str
    status: int | None = None
    retry_after: int | str | None = None


class RequestError(Exception):
    """The client asked for something that cannot be converted; nothing has been sent upstream yet.

    `param` is the JSON path into the client's body, e.g. `input[3].arguments`.
    """

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class Told:
    """How a kind of fault is told to one sort of client.

    `status` None keeps the upstream's own. `code` and `type` stand in the error body, `code` also in `response.failed`.
    """

    status: int | None
    code: str
    type: str = "invalid_request_error"
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; an error is JSON in OpenAI's form, whatever the upstream sent."""

    status: int
    headers: dict[str, str]
    body: bytes


# kind -> (Codex before the stream, code for Codex within it, any other client)
_TELL: dict[Kind, tuple[Told, str, Told]] = {
    "context_overflow": (
        Told(400, "context_length_exceeded"),
        "context_length_exceeded",
        Told(400, "context_length_exceeded"),
    ),
    "bad_request": (Told(400, "invalid_prompt"), "invalid_prompt", Told(None, "invalid_request_error")),
    "model_not_found": (Told(400, "model_not_found"), "model_not_found", Told(404, "model_not_found")),
    # Codex retries 401 and 403 five times; nothing but another key can help.
    "auth": (
        Told(400, "invalid_prompt", "authentication_error"),
        "invalid_prompt",
        Told(None, "invalid_api_key", "authentication_error"),
    ),
    # Codex hides our message behind its own "Quota exceeded" for OpenAI's codes; the provider's says where to pay.
    "quota": (
        Told(400, "invalid_prompt", "insufficient_quota"),
        "invalid_prompt",
        Told(None, "insufficient_quota", "insufficient_quota"),
    ),
    # Without Retry-After Codex gives up at the first 429.
    "rate_limited": (
        Told(429, "rate_limit_exceeded", "rate_limit_error", retry_after=5),
        "rate_limit_exceeded",
        Told(429, "rate_limit_exceeded", "rate_limit_error"),
    ),
    "overloaded": (
        Told(503, "overloaded", "server_error", retry_after=3),
        "server_error",
        Told(503, "overloaded", "server_error"),
    ),
    # Codex hides the message of a 500, and shows that of a 502.
    "server": (Told(502, "server_error", "server_error"), "server_error", Told(None, "server_error", "server_error")),
    "unreachable": (
        Told(502, "server_error", "server_error"),
        "server_error",
        Told(502, "server_error", "server_error"),
    ),
    # Codex tries a 504 thirty times, and a silence of minutes as often; a 408 six times, and it shows each.
    "timeout": (Told(408, "server_error", "server_error"), "server_error", Told(504, "server_error", "server_error")),
    "content_policy": (
        Told(400, "content_policy_violation"),
        "content_policy_violation",
        Told(400, "content_policy_violation"),
    ),
    "cut": (Told(502, "server_error", "server_error"), "server_error", Told(502, "server_error", "server_error")),
}

_DEFAULT_STATUS: dict[Kind, int] = {"bad_request": 400, "auth": 401, "quota": 402, "server": 500}


# OpenAI's published `response.error.code` is a closed list, which strict clients check. Codex knows more codes; an
# older one only that of a full context.
_PUBLISHED_CODE = {
    "context_length_exceeded": "invalid_prompt",
    "model_not_found": "invalid_prompt",
    "content_policy_violation": "invalid_prompt",
}


def answer(fault: Fault, client: Client) -> Answer:
    """What the client gets instead of a stream."""
    codex, _, other = _TELL[fault.kind]
    told = other if client == "other" else codex
    if client == "older-codex" and told.status in (400, 429):
        return _stream_that_failed(fault)
    status = told.status or fault.status or _DEFAULT_STATUS.get(fault.kind, 500)
    headers = {"content-type": "application/json"}
    wait = fault.retry_after or told.retry_after
    if wait and status in (429, 502, 503, 504, 529):
        headers["retry-after"] = str(wait)
    return Answer(status, headers, _body(fault.message, told.type, told.code, None))


def refusal(error: RequestError, client: Client) -> Answer:
    """What the client gets when its request cannot be converted: 400 and the place, never retried."""
    where = f"{error.param}: {error}" if error.param else str(error)
    if client == "older-codex":
        return _stream_that_failed(Fault("bad_request", where))
    code = "invalid_prompt" if client == "codex" else "invalid_request_error"
    return Answer(400, {"content-type": "application/json"}, _body(where, "invalid_request_error", code, error.param))


_ENDS = (".", "!", "?")


def in_stream(fault: Fault, client: Client) -> Json:
    """The `error` object of `response.failed`. Codex reads the wait from the text."""
    codex, code, _ = _TELL[fault.kind]
    message = fault.message
    if code == "rate_limit_exceeded":
        wait = fault.retry_after if isinstance(fault.retry_after, int) else codex.retry_after
        message += f"{'' if message.endswith(_ENDS) else '.'} Please try again in {wait}s."
    known = client == "codex" or (client == "older-codex" and code == "context_length_exceeded")
    return {"code": code if known else _PUBLISHED_CODE.get(code, code), "message": message}


def terminal_event(fault: Fault, client: Client) -> bytes:
    """The end of a stream of which nothing is known, not even whether its last record was complete."""
    return b"\n\n" + sse.encode({"type": "response.failed", "response": {"error": in_stream(fault, client)}})


def _stream_that_failed(fault: Fault) -> Answer:
    failed = {"type": "response.failed", "response": {"error": in_stream(fault, "older-codex")}}
    return Answer(200, {"content-type": "text/event-stream"}, sse.encode(failed))


def _body(message: str, type_: str, code: str, param: str | None) -> bytes:
    return jsontext.dumps({"error": {"message": message, "type": type_, "param": param, "code": code}})


# --- reading what an upstream said ---

_OVERFLOW = re.compile(
    r"maximum context length|prompt is too long|input token count .* exceeds the maximum|"
    r"exceeds the available context size|prompt too long|too_many_prompt_tokens|range of input length should be|"
    r"model_context_window_exceeded|context_length_exceeded|exceed_context_size|context window|"
    r"reduce the length of the (messages|prompt|input)|request_too_large|input is too long|too many tokens",
    re.IGNORECASE,
)
_MODEL = re.compile(
    r"model_not_found|model[^.]{0,80}(not found|does not exist|not exist|is not supported|not available)|"
    r"(unknown|invalid|no such) model|not a valid model",
    re.IGNORECASE,
)
_QUOTA = re.compile(
    r"insufficient[_ ](quota|balance|credit|funds)|out of credits?|credit balance|billing|payment required|"
    r"exceeded your current quota|spend(ing)? limit",
    re.IGNORECASE,
)
_AUTH = re.compile(
    r"invalid[_ ]api[_ ]key|authentication_error|incorrect api key|unauthori[sz]ed|invalid x-api-key", re.IGNORECASE
)
_RATE = re.compile(r"rate[_ -]?limit|too many requests|resource_exhausted", re.IGNORECASE)
_BUSY = re.compile(r"overloaded|at capacity|insufficient_system_resource|temporarily unavailable", re.IGNORECASE)
_POLICY = re.compile(r"content_filter|content_policy|content management policy|flagged|sensitive", re.IGNORECASE)
_WAIT = re.compile(
    r"(?:try again in|retry after|retry in|reset after)\s+([0-9.]+)\s*(ms|s|sec|m\b|min)?", re.IGNORECASE
)

# What the words say wins over the status: gateways wrap an upstream's error in a status of their own.
_WORDS: list[tuple[re.Pattern[str], Kind, range]] = [
    (_OVERFLOW, "context_overflow", range(400, 600)),
    (_QUOTA, "quota", range(400, 500)),
    (_MODEL, "model_not_found", range(400, 500)),
    (_RATE, "rate_limited", range(429, 430)),
    (_POLICY, "content_policy", range(400, 404)),
    (_BUSY, "overloaded", range(500, 600)),
]
_STATUS: dict[int, Kind] = {
    401: "auth",
    402: "quota",
    403: "auth",
    408: "timeout",
    413: "context_overflow",
    429: "rate_limited",
    502: "server",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}
_STREAM_WORDS: list[tuple[re.Pattern[str], Kind]] = [
    (_OVERFLOW, "context_overflow"),
    (_QUOTA, "quota"),
    (_AUTH, "auth"),
    (_RATE, "rate_limited"),
    (_BUSY, "overloaded"),
    (_MODEL, "model_not_found"),
    (_POLICY, "content_policy"),
]


def read(who: str, status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    """The fault in an upstream's HTTP error answer; `who` is how the user knows the provider.

    Reads every error form of the field: nested, flat, string, lists, HTML pages, nothing at all.
    """
    said, marks = describe(body)
    text = f"{marks} {said}"
    kind = next((k for words, k, when in _WORDS if status in when and words.search(text)), None)
    kind = kind or _STATUS.get(status) or ("server" if status >= 500 else "bad_request")
    return Fault(kind, f"{who} answered {status}: {said[:_LIMIT]}", status, _retry_after(headers, text))


def from_stream(who: str, error: Any) -> Fault:
    """The fault in an error object that came within a 200 answer."""
    said, marks = describe(jsontext.dumps(error))
    text = f"{marks} {said}"
    status = _status_in(error)
    if status is not None and status >= 400:
        return read(who, status, {}, jsontext.dumps(error))
    kind = next((k for words, k in _STREAM_WORDS if words.search(text)), None)
    if kind is None:
        kind = "bad_request" if "invalid_request" in text or "tool_use_failed" in text else "server"
    return Fault(kind, f"{who}: {said[:_LIMIT]}", None, _retry_after({}, text))


_THINKING = re.compile(
    r"invalid_encrypted_content|encrypted content.{0,80}(could not|cannot|failed)|"
    r"invalid.{0,20}signature|signature.{0,20}(invalid|required)|"
    r"thinking`? or `?redacted_thinking`? blocks|item with id '?rs_",
    re.IGNORECASE,
)


def blames_thinking(status: int, body: bytes) -> bool:
    """Whether an upstream's error answer says that earlier thinking, which went back to it, is not its own."""
    said, marks = describe(body)
    return status in (400, 404) and bool(_THINKING.search(f"{marks} {said}"))


def describe(body: bytes) -> tuple[str, str]:
    """An error body's message for a person, and its types and codes for a machine."""
    try:
        value = jsontext.loads(body)
    except ValueError:
        return _plain(body.decode("utf-8", "replace")), ""
    return _said(value) or _plain(jsontext.dumps(value).decode()), " ".join(_marks(value))


_MESSAGE_KEYS = ("message", "detail", "msg", "status_msg", "error_description", "error", "base_resp")
_MARK_KEYS = ("code", "type", "status", "status_code", "param")


def _said(value: Any) -> str:
    match value:
        case str():
            return value.strip()
        case [first, *_]:
            return _said(first)
        case {"error": {"metadata": {"raw": str(raw)}, **error}} if raw:
            inner, _ = describe(raw.encode())
            return f"{_said(error)}: {inner}"
        case dict():
            return next((said for key in _MESSAGE_KEYS if (said := _said(value.get(key)))), "")
        case _:
            return ""


def _marks(value: Any) -> list[str]:
    match value:
        case [first, *_]:
            return _marks(first)
        case dict():
            own = [str(value[key]) for key in _MARK_KEYS if isinstance(value.get(key), str | int)]
            return own + _marks(value.get("error")) + _marks(value.get("base_resp"))
        case _:
            return []


def _status_in(error: Any) -> int | None:
    """The HTTP status that a gateway wrote into an error object."""
    if not isinstance(error, dict):
        return None
    for key in ("status_code", "statusCode", "code", "status"):
        value = error.get(key)
        number = int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()) else 0
        if 400 <= number < 600:
            return number
    return _status_in(error.get("error"))


_TAGS = re.compile(r"<(style|script|head)\b.*?</\1>|<[^>]+>", re.DOTALL | re.IGNORECASE)
_LIMIT = 1000


def _plain(text: str) -> str:
    """A text or an HTML page as one line that a terminal can show."""
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.DOTALL | re.IGNORECASE)
    words = (title.group(1) + " " if title else "") + _TAGS.sub(" ", text)
    return " ".join(words.split())[:_LIMIT] or "(no message)"


def _retry_after(headers: Mapping[str, str], text: str) -> int | str | None:
    """How long to wait, from the header or from the words; seconds are rounded up."""
    lowered = {name.lower(): value for name, value in headers.items()}
    if (value := lowered.get("retry-after-ms", "")).replace(".", "", 1).isdecimal():
        return max(1, -int(-float(value) // 1000))
    if (value := lowered.get("retry-after", "")).replace(".", "", 1).isdecimal():
        return max(1, -int(-float(value) // 1))
    if value:
        return value
    if not (found := _WAIT.search(text)):
        return None
    unit = {"ms": 0.001, "m": 60, "min": 60}.get((found.group(2) or "s").lower(), 1)
    return max(1, -int(-float(found.group(1).rstrip(".")) * unit // 1))
