"""The outcome of an exchange, from the response that a client got."""

import json
import re

from tests.faults.faulty_clients import ClientResponse

_TERMINAL = re.compile(rb'"type": ?"response\.(completed|incomplete|failed)"')
GOOD = "completed"


class BadOutcome(Exception):
    """The response has no proper end."""


def outcome_of(answer: ClientResponse, *, stream: bool, relay: bool) -> str:
    """`completed`, `incomplete`, `failed`, or an HTTP error's status.

    What a Responses provider sends is relayed as it is: its error responses and whole bodies.

    Raises:
        BadOutcome: it is none of these, or more than one.
    """
    if not answer.complete:
        raise BadOutcome(f"cut after {len(answer.body)} bytes" if answer.status else "closed without a response")
    if answer.status >= 400:
        return _refused(answer, relay=relay)
    if answer.status != 200:
        raise BadOutcome(f"status {answer.status}")
    if stream:
        return _streamed(answer.body, relay=relay)
    return _whole(answer.body, relay=relay)


_CALL_DONE = re.compile(rb'"type": ?"response\.output_item\.done".*"type": ?"(?:function|custom_tool)_call"')


def released_call(answer: ClientResponse, *, stream: bool) -> bool:
    """Whether the response holds a call that a client runs."""
    if stream:
        return _CALL_DONE.search(answer.body) is not None
    return answer.status == 200 and b'_call"' in answer.body


def _refused(answer: ClientResponse, *, relay: bool) -> str:
    if answer.status > 599 or answer.status == 407:
        raise BadOutcome(f"status {answer.status}")
    if not relay:
        error = json.loads(answer.body)["error"]
        if not (isinstance(error["message"], str) and error["message"].isprintable() and len(error["message"]) <= 1000):
            raise BadOutcome(f"an unreadable error: {str(error)[:200]}")
    return str(answer.status)


def _streamed(body: bytes, *, relay: bool) -> str:
    records = [record for record in re.split(rb"\n\n|\r\r|\r\n\r\n", body) if b"data:" in record]
    ends = [end[1].decode() for record in records if (end := _TERMINAL.search(record))]
    if not ends:
        raise BadOutcome(f"no terminal event in {len(body)} bytes")
    if len(ends) > 1:
        raise BadOutcome(f"{len(ends)} terminal events")
    if not _TERMINAL.search(records[-1]):
        raise BadOutcome(f"something after {ends[0]}")
    if not relay:
        json.loads(records[-1].partition(b"data:")[2])
    return ends[0]


def _whole(body: bytes, *, relay: bool) -> str:
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if isinstance(value, dict) and value.get("object") == "response":
        return str(value["status"])
    if relay:
        return "as it is"
    raise BadOutcome(f"a 200 that is no response: {body[:100]!r}")
