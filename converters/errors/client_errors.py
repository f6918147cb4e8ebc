"""The error that the client gets for a fault.

One table (`_CLIENT_ERRORS`) has for each kind of fault the error for Codex, before the stream and within it, and that
for other clients. The codes are chosen by what Codex does with them (measured with 0.169): `invalid_prompt` and
`model_not_found` show our message and stop, other 4xx are retried five times in vain, 429 and 5xx are worth a retry and
carry Retry-After.
"""

import re
from dataclasses import dataclass

from converters import jsontext, sse
from converters.errors.fault import LONGEST_WAIT, Client, Fault, Kind, RequestError
from converters.errors.one_line import few_lines
from converters.jsontext import Json


@dataclass(frozen=True, slots=True)
class ClientError:
    """The error that one sort of client gets for a kind of fault.

    `status` None keeps the upstream's own. `code` and `type` stand in the error body, `code` also in `response.failed`.
    """

    status: int | None
    code: str
    type: str = "invalid_request_error"
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class ClientResponse:
    """An HTTP response; an error is JSON in OpenAI's form, whatever the upstream sent."""

    status: int
    headers: dict[str, str]
    body: bytes


# kind -> (Codex before the stream, code for Codex within it, any other client)
_CLIENT_ERRORS: dict[Kind, tuple[ClientError, str, ClientError]] = {
    "context_overflow": (
        ClientError(400, "context_length_exceeded"),
        "context_length_exceeded",
        ClientError(400, "context_length_exceeded"),
    ),
    "bad_request": (ClientError(400, "invalid_prompt"), "invalid_prompt", ClientError(None, "invalid_request_error")),
    "model_not_found": (ClientError(400, "model_not_found"), "model_not_found", ClientError(404, "model_not_found")),
    # Codex retries 401 and 403 five times; nothing but another key can help.
    "auth": (
        ClientError(400, "invalid_prompt", "authentication_error"),
        "invalid_prompt",
        ClientError(None, "invalid_api_key", "authentication_error"),
    ),
    # Codex hides our message behind its own "Quota exceeded" for OpenAI's codes; the provider's names where to pay.
    "quota": (
        ClientError(400, "invalid_prompt", "insufficient_quota"),
        "invalid_prompt",
        ClientError(None, "insufficient_quota", "insufficient_quota"),
    ),
    # Without Retry-After Codex gives up at the first 429.
    "rate_limited": (
        ClientError(429, "rate_limit_exceeded", "rate_limit_error", retry_after=5),
        "rate_limit_exceeded",
        ClientError(429, "rate_limit_exceeded", "rate_limit_error"),
    ),
    "overloaded": (
        ClientError(503, "overloaded", "server_error", retry_after=3),
        "server_error",
        ClientError(503, "overloaded", "server_error"),
    ),
    # Codex hides the message of a 500, and shows that of a 502.
    "server": (
        ClientError(502, "server_error", "server_error"),
        "server_error",
        ClientError(None, "server_error", "server_error"),
    ),
    "unreachable": (
        ClientError(502, "server_error", "server_error"),
        "server_error",
        ClientError(502, "server_error", "server_error"),
    ),
    # Codex tries a 504 thirty times, and a silence of minutes as often; a 408 six times, and it shows each.
    "timeout": (
        ClientError(408, "server_error", "server_error"),
        "server_error",
        ClientError(504, "server_error", "server_error"),
    ),
    "content_policy": (
        ClientError(400, "content_policy_violation"),
        "content_policy_violation",
        ClientError(400, "content_policy_violation"),
    ),
    "cut": (
        ClientError(502, "server_error", "server_error"),
        "server_error",
        ClientError(502, "server_error", "server_error"),
    ),
    # Not told: where nothing else is had, the client gets the response as it is (`Conversion.whole`).
    "empty": (
        ClientError(502, "server_error", "server_error"),
        "server_error",
        ClientError(502, "server_error", "server_error"),
    ),
}

_DEFAULT_STATUS: dict[Kind, int] = {"bad_request": 400, "auth": 401, "quota": 402, "server": 500}


# OpenAI's published `response.error.code` is a closed list, which strict clients check. Codex knows more codes; an
# older one only that of a full context.
_PUBLISHED_CODE = {
    "context_length_exceeded": "invalid_prompt",
    "model_not_found": "invalid_prompt",
    "content_policy_violation": "invalid_prompt",
}


def client_response(fault: Fault, client: Client) -> ClientResponse:
    """What the client gets instead of a stream."""
    codex, _, other = _CLIENT_ERRORS[fault.kind]
    error = other if client == "other" else codex
    if client == "older-codex" and error.status in (400, 429):
        return _stream_that_failed(fault)
    status = error.status or _own_status(fault)
    headers = {"content-type": "application/json"}
    wait = _bounded(fault.retry_after) or error.retry_after
    if wait and status in (429, 502, 503, 504, 529):
        headers["retry-after"] = str(wait)
    return ClientResponse(status, headers, _body(fault.message, error.type, error.code, None))


def _bounded(wait: int | str | None) -> int | str | None:
    return min(wait, LONGEST_WAIT) if isinstance(wait, int) else wait


def is_for_client(status: int) -> bool:
    """Whether an upstream's status is meant for our client, not for us: a redirect or a proxy's login is for us."""
    return 400 <= status < 600 and status != 407


def _own_status(fault: Fault) -> int:
    if fault.status is None:
        return _DEFAULT_STATUS.get(fault.kind, 500)
    return fault.status if is_for_client(fault.status) else 502


def refusal(error: RequestError, client: Client) -> ClientResponse:
    """What the client gets when its request cannot be converted: 400 and the place, never retried."""
    where = few_lines(f"{error.param}: {error}" if error.param else str(error))
    if client == "older-codex":
        return _stream_that_failed(Fault("bad_request", where))
    code = "invalid_prompt" if client == "codex" else "invalid_request_error"
    return ClientResponse(
        400, {"content-type": "application/json"}, _body(where, "invalid_request_error", code, error.param)
    )


_SENTENCE_ENDS = (".", "!", "?")
_WAIT = re.compile(r"try again in\s*", re.IGNORECASE)


def _with_wait(message: str, own: str) -> str:
    """Codex waits for as long as stands behind the first of these words, whoever wrote them."""
    if (first := _WAIT.search(message)) and message.startswith(own, first.start()):
        return message
    message = _WAIT.sub("come back in ", message)
    return f"{message}{'' if message.endswith(_SENTENCE_ENDS) else '.'} Please {own}."


def in_stream(fault: Fault, client: Client) -> Json:
    """The `error` object of `response.failed`. Codex reads the wait from the text."""
    codex, code, _ = _CLIENT_ERRORS[fault.kind]
    message = fault.message
    if code == "rate_limit_exceeded":
        wait = _bounded(fault.retry_after) if isinstance(fault.retry_after, int) else codex.retry_after
        message = _with_wait(message, f"try again in {wait}s")
    known = client == "codex" or (client == "older-codex" and code == "context_length_exceeded")
    return {"code": code if known else _PUBLISHED_CODE.get(code, code), "message": message}


def terminal_event(fault: Fault, client: Client) -> bytes:
    """The end of a stream of which nothing is known, not even whether its last record was complete."""
    return b"\n\n" + sse.encode({"type": "response.failed", "response": {"error": in_stream(fault, client)}})


def _stream_that_failed(fault: Fault) -> ClientResponse:
    failed = {"type": "response.failed", "response": {"error": in_stream(fault, "older-codex")}}
    return ClientResponse(200, {"content-type": "text/event-stream"}, sse.encode(failed))


def _body(message: str, type_: str, code: str, param: str | None) -> bytes:
    return jsontext.dumps({"error": {"message": message, "type": type_, "param": param, "code": code}})
