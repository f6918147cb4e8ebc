"""The kind of fault in an upstream's error: by its status and its codes first, by narrow words last."""

import math
import re
from collections.abc import Mapping
from typing import Any

from converters.errors import words
from converters.errors.codes import kind_of, weak_kind_of
from converters.errors.error_body import ErrorBody, read_body, read_value
from converters.errors.fault import LONGEST_WAIT, Fault, Kind
from converters.errors.limit_reset import limit_reset
from converters.errors.retry_after import retry_after

_STATUS: dict[int, Kind] = {
    401: "auth",
    402: "quota",
    403: "auth",
    407: "auth",
    408: "timeout",
    429: "rate_limited",
    451: "content_policy",
    498: "overloaded",
    503: "overloaded",
    504: "timeout",
    521: "unreachable",
    522: "timeout",
    523: "unreachable",
    524: "timeout",
    529: "overloaded",
}


def read(provider_name: str, status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    """The fault in an upstream's HTTP error response; `provider_name` is how the user knows the provider."""
    return _fault(provider_name, status, headers, read_body(body))


def from_stream(provider_name: str, error: Any) -> Fault:
    """The fault in an error object that came within a 200 response."""
    error_body = read_value(error)
    if error_body.status is not None:
        return _fault(provider_name, error_body.status, {}, error_body)
    wait = retry_after({}, error_body.wait, error_body.message, error_body.until)
    kind, note = _told(_kind_without_status(error_body), wait)
    return Fault(kind, f"{provider_name}{note}: {error_body.message}", None, wait)


def blames_thinking(status: int, body: bytes) -> bool:
    """Whether an upstream's error response means that earlier thinking, which went back to it, is not its own."""
    return _blames(words.THINKING, status, body)


def blames_previous_response(status: int, body: bytes) -> bool:
    """Whether an upstream's error response means that it does not know the response which the request follows."""
    return _blames(words.PREVIOUS_RESPONSE, status, body)


def _blames(what: re.Pattern[str], status: int, body: bytes) -> bool:
    if status not in (400, 404, 422):
        return False
    error_body = read_body(body)
    return what.search(f"{' '.join(error_body.codes)} {error_body.message}") is not None


def _fault(provider_name: str, status: int, headers: Mapping[str, str], error_body: ErrorBody) -> Fault:
    wait = retry_after(headers, error_body.wait, error_body.message, error_body.until)
    kind = _kind(status, error_body, has_wait=wait is not None)
    if kind == "rate_limited" and wait is None:
        wait = limit_reset(headers)
    kind, note = _told(kind, wait)
    note += _redirection(headers) if 300 <= status < 400 else ""
    return Fault(kind, f"{provider_name} answered {status}{note}: {error_body.message}", status, wait)


def _told(kind: Kind, wait: int | str | None) -> tuple[Kind, str]:
    """A limit that lasts for hours is a used-up quota, with a word on when it ends."""
    if kind == "rate_limited" and isinstance(wait, int) and wait > LONGEST_WAIT:
        return "quota", f" (come back in {math.ceil(wait / 3600)} h)"
    return kind, ""


def _kind(status: int, error_body: ErrorBody, *, has_wait: bool) -> Kind:
    if 300 <= status < 400:
        return "bad_request"  # of a wrong address, which no retry makes right
    if not 400 <= status < 600:
        return _kind_without_status(error_body)
    # An overflow hides behind any status, also that of a rate limit: no wait makes such a request small enough.
    if status == 413 or words.OVERFLOW.search(error_body.message):
        return "context_overflow"
    kind = kind_of(error_body.codes)
    if kind == "rate_limited" or (kind is None and status == 429):
        # Whatever it writes of plans and billing, an upstream that names a wait has not closed the account.
        return "rate_limited" if has_wait or not words.QUOTA.search(error_body.message) else "quota"
    return kind or words.kind_beside(status, error_body.message) or _kind_by_status(status, error_body)


def _kind_by_status(status: int, error_body: ErrorBody) -> Kind:
    if status == 500 and (weak := weak_kind_of(error_body.codes)):
        return weak  # some call a refusal so; it would be repeated in vain
    return _STATUS.get(status) or ("server" if status >= 500 else "bad_request")


def _kind_without_status(error_body: ErrorBody) -> Kind:
    if words.OVERFLOW.search(error_body.message):
        return "context_overflow"
    return (
        kind_of(error_body.codes) or words.kind_alone(error_body.message) or weak_kind_of(error_body.codes) or "server"
    )


def _redirection(headers: Mapping[str, str]) -> str:
    """Where a redirect leads, without its query, which may hold a secret."""
    where = next((value for name, value in headers.items() if name.lower() == "location"), "")
    return f" and points to {where[:200].partition('?')[0]}" if where else ""
