"""Nothing raises out of an exchange, not even where its own words cannot be written."""

from typing import Any

import pytest

from converters import jsontext
from converters.exchange import Exchange
from tests import referee
from tests.converters.exchanges import EACH_PROTOCOL, STREAMS, opened, question, replay

UNWRITABLE: Any = {"x": {1, 2}}
"""No JSON: a client's metadata stands in each `response` that it is told."""


def unwritable(protocol: str, **fields: Any) -> Exchange:
    return opened(protocol, question(metadata=UNWRITABLE, **fields))


@EACH_PROTOCOL
@pytest.mark.parametrize("cut", [1, 50, 100_000])
def test_an_answer_that_cannot_be_told_ends_in_words_that_need_nothing_of_it(protocol: str, cut: int) -> None:
    stream = STREAMS[protocol]
    exchange = unwritable(protocol)
    (said,) = referee.read(replay(exchange, [stream[at : at + cut] for at in range(0, len(stream), cut)]))
    assert said["type"] == "response.failed"
    assert said["response"]["error"] == {
        "code": "server_error",
        "message": "The provider's answer could not be converted.",
    }
    assert exchange.ended and exchange.fault
    assert exchange.feed(stream) + exchange.close() + exchange.fail(exchange.fault) == []


@EACH_PROTOCOL
def test_a_client_without_a_stream_gets_such_an_answer_as_an_error(protocol: str) -> None:
    exchange = unwritable(protocol, stream=False)
    assert replay(exchange, [STREAMS[protocol]]) == b""
    told = exchange.whole()
    assert told.status == 502
    assert "could not be converted" in jsontext.loads(told.body)["error"]["message"]


@EACH_PROTOCOL
def test_what_surprised_is_kept_for_who_mends_it(protocol: str) -> None:
    exchange = unwritable(protocol)
    assert exchange.surprise == ""
    said = replay(exchange, [STREAMS[protocol]])
    assert exchange.surprise.startswith("TypeError in jsontext.py:")
    assert "lifecycle.py:" in exchange.surprise
    assert b"TypeError" not in said


@EACH_PROTOCOL
def test_a_good_answer_surprises_nobody(protocol: str) -> None:
    exchange = opened(protocol)
    replay(exchange, [STREAMS[protocol]])
    assert (exchange.surprise, exchange.fault, exchange.ended) == ("", None, False)
