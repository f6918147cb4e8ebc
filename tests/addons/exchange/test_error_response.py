"""What a client is told where its request comes to nothing."""

import gzip

import pytest
from mitmproxy import http

from addons.exchange.error_response import MOST_OF_AN_ERROR, readable, refusal
from converters.errors import Client, RequestError


@pytest.mark.parametrize(("client", "status"), [("codex", 400), ("other", 413), ("older-codex", 200)])
def test_each_client_is_told_so_that_it_stops(client: Client, status: int) -> None:
    told = refusal(RequestError("too large", param="input"), client, 413)
    assert told.status_code == status
    assert b"input: too large" in (told.content or b"")


def test_no_more_of_an_error_is_decoded_than_anybody_reads() -> None:
    packed = gzip.compress(b"x" * (MOST_OF_AN_ERROR * 3))
    refused = http.Response.make(400, b"", {"content-encoding": "gzip"})
    refused.raw_content = packed
    assert 0 < len(readable(refused)) <= MOST_OF_AN_ERROR * 2
    assert readable(http.Response.make(400, b"plain")) == b"plain"
