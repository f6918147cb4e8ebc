"""The faults that the table tells of, in its order. Many of them are played as those of tests/faults are."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal

from tests.e2e import write_anthropic, write_chat
from tests.faults import faulty_upstream, response_faults, transport_faults
from tests.faults.faulty_upstream import Connection
from tests.faults.registry import MANY, PAGE

type Play = faulty_upstream.Fault
type Accept = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_PLAYS = transport_faults.FAULTS | response_faults.FAULTS
_ERROR_BODIES = {"chat": write_chat.error_body, "anthropic": write_anthropic.error_body}

WAIT = 3
"""Seconds that a refusal asks for, where it asks for a wait that fits the budget: longer than any pause without one, and
than anybody's patience who could go elsewhere."""


async def _nothing(connection: Connection) -> None:
    """For faults of a connection on which no request is read."""


@dataclass(frozen=True)
class Fault:
    name: str
    play: Play = _nothing
    strikes: Literal["before content", "after content", "never"] = "before content"
    """`never`: it looks like a fault, and the answer is good."""

    address: str = "http://127.0.0.1:{port}/v1"
    listens: bool = True
    tls: bool = False
    """With a certificate that nobody knows."""

    accept: Accept | None = None
    """What becomes of a connection, where no request is read."""

    impatient: bool = False
    """The provider has limits of time of seconds; with those, a busy machine may be one more fault."""

    wait: float = 0.0
    """Seconds for which the provider refuses; it says so in its own way."""

    passes: bool = False
    """It may well be over a moment later, so that a lone provider is asked again."""

    is_a_keys: bool = False
    """Another key of the same provider may do better."""

    is_told: bool = False
    """No other provider is asked: it is the client's to know."""


# --- the network ---


async def _ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(1 << 16):
        pass


async def _close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The connection is closed when this returns."""


async def _answer_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As a server without TLS does to a client that begins with it."""
    await reader.read(1 << 16)
    writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    await writer.drain()


async def _slow_head(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 200 OK\r\n")
    for number in itertools.count():
        await connection.send(f"x-{number}: slow\r\n".encode())
        await asyncio.sleep(0.1)


async def _pings(connection: Connection) -> None:
    await connection.head()
    while True:
        await connection.chunks(b": ping\n\n")
        await asyncio.sleep(0.1)


NETWORK = (
    Fault("none", _PLAYS["good"], "never"),
    Fault("connection refused", listens=False),
    Fault("name that does not resolve", address="http://nobody.invalid/v1"),
    Fault("TLS to a plain port", address="https://127.0.0.1:{port}/v1", accept=_answer_plainly),
    Fault("wrong certificate", address="https://127.0.0.1:{port}/v1", tls=True),
    Fault("accepted, then nothing", accept=_ignore, impatient=True),
    Fault("accepted, then closed", accept=_close, passes=True),
    Fault("slow headers", _slow_head, impatient=True),
    Fault("reset before the headers", _PLAYS["reset-before-head"], passes=True),
    Fault("closed before the headers", _PLAYS["close-before-head"], passes=True),
    Fault("silence before the headers", _PLAYS["silence-before-head"], impatient=True),
    Fault("reset in the headers", _PLAYS["reset-mid-head"], passes=True),
    Fault("reset after the headers", _PLAYS["reset-before-body"], passes=True),
    Fault("closed after the headers", _PLAYS["close-before-body"], passes=True),
    Fault("silence after the headers", _PLAYS["silence-before-body"], impatient=True),
    Fault("pings and nothing else", _pings, impatient=True),
    Fault("reset after first content", _PLAYS["reset-mid-body"], "after content"),
    Fault("closed after first content", _PLAYS["close-mid-body"], "after content"),
    Fault("silence after first content", _PLAYS["silence-mid-body"], "after content", impatient=True),
    Fault("reset in a tool call", _PLAYS["reset-mid-call"], "after content"),
    Fault("closed in a tool call", _PLAYS["close-mid-call"], "after content"),
    Fault("silence in a tool call", _PLAYS["silence-mid-call"], "after content", impatient=True),
    Fault("reset after a whole tool call", _PLAYS["reset-before-end"], "after content"),
    Fault("reset after the end", _PLAYS["reset-after-end"], "never"),
    Fault("kept open after the end", _PLAYS["silence-after-end"], "never"),
    Fault("slow drip", _PLAYS["drip"], "never"),
)


# --- refusals ---


def _refusal(
    name: str,
    status: str,
    message: str,
    error: dict[str, Any] | None = None,
    *,
    wait: float = 0.0,
    passes: bool = False,
    is_a_keys: bool = False,
    is_told: bool = False,
    **headers: str,
) -> Fault:
    """`error`: more keys of the error object."""

    async def play(connection: Connection) -> None:
        body = _ERROR_BODIES[connection.protocol](int(status[:3]), message, error or {})
        await connection.refuse(status, body, **headers)

    return Fault(name, play, wait=wait, passes=passes or wait > 0, is_a_keys=is_a_keys, is_told=is_told)


async def _busy_until(connection: Connection) -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=WAIT + 1), usegmt=True)
    body = _ERROR_BODIES[connection.protocol](429, "Too many requests", {})
    await connection.refuse("429 Too Many Requests", body, retry_after=until)


async def _html(connection: Connection) -> None:
    await connection.refuse("502 Bad Gateway", PAGE, content_type="text/html")


_SLOW, _SLOWLY = "429 Too Many Requests", "Too many requests"
_RETRY_INFO = {"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{WAIT}s"}]}

REFUSALS = (
    _refusal("408", "408 Request Timeout", "The request took too long"),
    _refusal("429", _SLOW, _SLOWLY, passes=True, is_a_keys=True),
    _refusal("429, Retry-After in seconds", _SLOW, _SLOWLY, wait=WAIT, retry_after=str(WAIT)),
    Fault("429, Retry-After as a date", _busy_until, wait=WAIT, passes=True),
    _refusal("429, retry-after-ms", _SLOW, _SLOWLY, wait=WAIT, retry_after_ms=str(WAIT * 1000)),
    _refusal("429, RetryInfo", _SLOW, _SLOWLY, _RETRY_INFO, wait=WAIT),
    _refusal(
        "429, x-ratelimit-reset-requests",
        *(_SLOW, _SLOWLY),
        wait=WAIT,
        x_ratelimit_remaining_requests="0",
        x_ratelimit_reset_requests=f"{WAIT}s",
    ),
    _refusal(
        "429, x-ratelimit-reset-tokens",
        *(_SLOW, _SLOWLY),
        wait=WAIT,
        x_ratelimit_remaining_tokens="0",
        x_ratelimit_reset_tokens=f"{WAIT}s",
    ),
    _refusal('429, "try again in"', _SLOW, f"Rate limit reached. Please try again in {WAIT}s.", wait=WAIT),
    _refusal("429, Retry-After beyond the budget", _SLOW, _SLOWLY, retry_after="120", is_a_keys=True),
    _refusal("500", "500 Internal Server Error", "It broke", passes=True),
    Fault("502 with a page of HTML", _html, passes=True),
    _refusal("503", "503 Service Unavailable", "Busy", passes=True),
    _refusal("503, Retry-After", "503 Service Unavailable", "Busy", wait=WAIT, retry_after=str(WAIT)),
    _refusal("504", "504 Gateway Timeout", "Upstream timed out"),
    _refusal("529", "529 Overloaded", "Overloaded", passes=True),
    _refusal("401", "401 Unauthorized", "Your key is wrong", is_a_keys=True),
    _refusal("402", "402 Payment Required", "Insufficient balance", is_a_keys=True),
    _refusal("403", "403 Forbidden", "Not for you", is_a_keys=True),
    _refusal(
        *("quota", _SLOW, "You exceeded your current quota, please check your plan", {"code": "insufficient_quota"}),
        is_a_keys=True,
    ),
    _refusal("413", "413 Content Too Large", "The request is too large"),
    _refusal("overflow", "400 Bad Request", "This model's maximum context length is 9 tokens"),
    _refusal("model not found", "404 Not Found", "The model `m` does not exist", {"code": "model_not_found"}),
    _refusal("bad request", "400 Bad Request", "tools[3] is odd"),
    _refusal("content policy", "400 Bad Request", "Flagged by our content policy", is_told=True),
)


# --- responses of status 200 ---


def _record(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _error_event(name: str, kind: str, message: str, *, wait: float = 0.0) -> Fault:
    async def play(connection: Connection) -> None:
        await connection.respond(_record({"type": "error", "error": {"type": kind, "code": kind, "message": message}}))

    return Fault(name, play, wait=wait, passes=True)


async def _empty(connection: Connection) -> None:
    """A head and an end, and neither text nor a call between."""
    await connection.respond(connection.good_response.pieces[0], connection.good_response.last)


async def _long_line(connection: Connection) -> None:
    line = _record({"type": "ping", "choices": [], "padding": "x" * (5 * MANY)})
    pieces, last = connection.good_response.pieces, connection.good_response.last
    await connection.respond(pieces[0], line, *pieces[1:], last)


async def _barely_compressed(connection: Connection) -> None:
    await connection.respond(b"\x1f\x8b\x08\x00", content_encoding="gzip")


ANSWERS = (
    Fault("error event first", _PLAYS["error-first"], passes=True),
    _error_event("error event first, overloaded", "overloaded_error", "Overloaded"),
    _error_event(
        'error event first, "try again in"',
        "rate_limit_error",
        f"Rate limit reached. Please try again in {WAIT}s.",
        wait=WAIT,
    ),
    Fault("error event after content", _PLAYS["error-in-the-middle"], "after content"),
    Fault("neither text nor call", _empty, passes=True),
    Fault("empty body", _PLAYS["nothing"], passes=True),
    Fault("page of HTML", _PLAYS["page"], passes=True),
    Fault("JSON of another kind", _PLAYS["json-that-is-something-else"], passes=True),
    Fault("garbage bytes", _PLAYS["garbage"], passes=True),
    Fault("garbage records", _PLAYS["garbage-records"], passes=True),
    Fault("no HTTP", _PLAYS["no-http"], passes=True),
    Fault("gzip cut at its head", _barely_compressed, passes=True),
    Fault("gzip cut after content", _PLAYS["gzip-cut"], "after content"),
    Fault("gzip that is none", _PLAYS["gzip-that-is-none"], passes=True),
    Fault("body without an end", _PLAYS["no-terminal"], "after content"),
    Fault("line of 5 MB", _long_line, "never"),
)

ALL = (*NETWORK, *REFUSALS, *ANSWERS)
