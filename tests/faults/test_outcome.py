"""A response without a proper end is not taken for a good one."""

import pytest

from tests.faults.faulty_clients import ClientResponse
from tests.faults.outcome import BadOutcome, outcome_of, released_call

COMPLETED = b'event: response.completed\ndata: {"type":"response.completed","response":{}}\n\n'
DELTA = b'data: {"type":"response.output_text.delta","delta":"x"}\n\n'


def answer(body: bytes, status: int = 200, *, complete: bool = True) -> ClientResponse:
    return ClientResponse(status, {}, body, complete)


@pytest.mark.parametrize(
    ("read", "stream"),
    [
        (answer(DELTA + COMPLETED, complete=False), True),
        (answer(b"", 0, complete=False), True),
        (answer(DELTA), True),
        (answer(b""), True),
        (answer(COMPLETED + COMPLETED), True),
        (answer(COMPLETED + DELTA), True),
        (answer(b'{"hello":1}'), False),
        (answer(b"<html>"), False),
        (answer(b"", 204), False),
        (answer(b"", 302), True),
        (answer(b'{"error":{"message":"x"}}', 407), True),
        (answer(b'{"error":{"message":"x"}}', 999), True),
        (answer(b"<html>", 502), True),
        (answer(b'{"error":{"message":"two\\nlines"}}', 502), True),
        (answer(b'{"error":{"message":"%b"}}' % (b"x" * 1001), 502), True),
    ],
)
def test_a_response_without_a_proper_end_is_found(read: ClientResponse, stream: bool) -> None:
    with pytest.raises((BadOutcome, ValueError)):
        outcome_of(read, stream=stream, relay=False)


def test_an_end_is_named() -> None:
    assert outcome_of(answer(DELTA + COMPLETED), stream=True, relay=False) == "completed"
    assert outcome_of(answer(b'{"object":"response","status":"incomplete"}'), stream=False, relay=False) == "incomplete"
    assert outcome_of(answer(b'{"error":{"message":"x"}}', 502), stream=False, relay=False) == "502"


def test_what_is_handed_on_is_the_provider_s_own() -> None:
    assert outcome_of(answer(b"<html>", 502), stream=True, relay=True) == "502"
    assert outcome_of(answer(b"<html>"), stream=False, relay=True) == "as it is"
    assert outcome_of(answer(COMPLETED.replace(b"\n", b"\r")), stream=True, relay=True) == "completed"
    with pytest.raises(BadOutcome, match="something after completed"):
        outcome_of(answer(COMPLETED + b"data: {half"), stream=True, relay=True)


def test_a_call_that_a_client_would_run_is_seen() -> None:
    call = b'data: {"type":"response.output_item.done","item":{"id":"fc_1","type":"function_call"}}\n\n'
    assert released_call(answer(call), stream=True)
    assert not released_call(answer(call.replace(b".done", b".added")), stream=True)
    assert released_call(answer(b'{"object":"response","output":[{"type":"function_call"}]}'), stream=False)
    assert not released_call(answer(b'{"error":{"message":"the function_call"}}', 502), stream=False)
