"""Nothing raises out of an conversion, not even where its own words cannot be written."""

from typing import Any

import pytest

from converters import jsontext
from converters.conversion import Conversion
from converters.errors import Fault
from tests import referee
from tests.converters.conversions import EACH_PROTOCOL, STREAMS, opened, replay, request_body

UNWRITABLE: Any = {"x": {1, 2}}
"""No JSON: a client's metadata stands in each `response` that it is told."""


def unwritable(protocol: str, **fields: Any) -> Conversion:
    return opened(protocol, request_body(metadata=UNWRITABLE, **fields))


@EACH_PROTOCOL
@pytest.mark.parametrize("cut", [1, 50, 100_000])
def test_an_answer_that_cannot_be_told_ends_in_words_that_need_nothing_of_it(protocol: str, cut: int) -> None:
    stream = STREAMS[protocol]
    conversion = unwritable(protocol)
    (events,) = referee.read(replay(conversion, [stream[at : at + cut] for at in range(0, len(stream), cut)]))
    assert events["type"] == "response.failed"
    assert events["response"]["error"] == {
        "code": "server_error",
        "message": "The provider's answer could not be converted.",
    }
    assert conversion.failed and conversion.fault
    assert conversion.feed(stream) + conversion.close() + conversion.fail(conversion.fault) == []


@EACH_PROTOCOL
def test_a_client_without_a_stream_gets_such_an_answer_as_an_error(protocol: str) -> None:
    conversion = unwritable(protocol, stream=False)
    assert replay(conversion, [STREAMS[protocol]]) == b""
    response = conversion.whole()
    assert response.status == 502
    assert "could not be converted" in jsontext.loads(response.body)["error"]["message"]


@EACH_PROTOCOL
def test_what_surprised_is_kept_for_who_mends_it(protocol: str) -> None:
    conversion = unwritable(protocol)
    assert conversion.surprise == ""
    stream = replay(conversion, [STREAMS[protocol]])
    assert conversion.surprise.startswith("TypeError in jsontext.py:")
    assert "lifecycle.py:" in conversion.surprise
    assert b"TypeError" not in stream


@EACH_PROTOCOL
def test_a_good_answer_surprises_nobody(protocol: str) -> None:
    conversion = opened(protocol)
    replay(conversion, [STREAMS[protocol]])
    assert (conversion.surprise, conversion.fault, conversion.failed) == ("", None, False)


@EACH_PROTOCOL
def test_a_response_has_ended_before_its_connection_does(protocol: str) -> None:
    conversion, stream = opened(protocol), STREAMS[protocol]
    ended = []
    for record in stream.split(b"\n\n")[:-1]:
        ended.append(conversion.ended)
        conversion.feed(record + b"\n\n")
    assert conversion.ended and not any(ended[:-2])


@EACH_PROTOCOL
def test_a_response_that_failed_has_ended(protocol: str) -> None:
    conversion = opened(protocol)
    assert not conversion.ended
    conversion.fail(Fault("timeout", "too slow"))
    assert conversion.ended
