"""What a client got, in a word, and what is wrong with it."""

import json
import re

from tests.faults.clients import Answer

_TERMINAL = re.compile(rb'"type": ?"response\.(completed|incomplete|failed)"')
GOOD = "completed"


class Wrong(Exception):
    """What a client got is no end."""


def got(answer: Answer, *, stream: bool, relay: bool) -> str:
    """What came of an exchange: `completed`, `incomplete`, `failed`, or an HTTP error's status.

    What a provider says that speaks Responses is handed on: its refusals and whole answers.

    Raises:
        Wrong: it is none of these, or more than one.
    """
    if not answer.complete:
        raise Wrong(f"cut after {len(answer.body)} bytes" if answer.status else "closed without a word")
    if answer.status >= 400:
        return _refused(answer, relay=relay)
    if answer.status != 200:
        raise Wrong(f"status {answer.status}")
    if stream:
        return _streamed(answer.body, relay=relay)
    return _whole(answer.body, relay=relay)


_CALL_DONE = re.compile(rb'"type": ?"response\.output_item\.done".*"type": ?"(?:function|custom_tool)_call"')


def released_call(answer: Answer, *, stream: bool) -> bool:
    """Whether the answer holds a call that a client runs."""
    if stream:
        return _CALL_DONE.search(answer.body) is not None
    return answer.status == 200 and b'_call"' in answer.body


def _refused(answer: Answer, *, relay: bool) -> str:
    if answer.status > 599 or answer.status == 407:
        raise Wrong(f"status {answer.status}")
    if not relay:
        error = json.loads(answer.body)["error"]
        if not (isinstance(error["message"], str) and error["message"].isprintable() and len(error["message"]) <= 1000):
            raise Wrong(f"an error that nobody can read: {str(error)[:200]}")
    return str(answer.status)


def _streamed(body: bytes, *, relay: bool) -> str:
    records = [record for record in re.split(rb"\n\n|\r\r|\r\n\r\n", body) if b"data:" in record]
    ends = [end[1].decode() for record in records if (end := _TERMINAL.search(record))]
    if not ends:
        raise Wrong(f"no terminal event in {len(body)} bytes")
    if len(ends) > 1:
        raise Wrong(f"{len(ends)} terminal events")
    if not _TERMINAL.search(records[-1]):
        raise Wrong(f"something after {ends[0]}")
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
    raise Wrong(f"a 200 that is no response: {body[:100]!r}")
