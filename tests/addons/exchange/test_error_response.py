"""Error responses to a client."""

import gzip

import pytest
from mitmproxy import http

from addons.exchange.error_response import MAX_ERROR_BYTES, readable, refusal
from converters.errors import Client, RequestError


@pytest.mark.parametrize(("client", "status"), [("codex", 400), ("other", 413), ("older-codex", 200)])
def test_each_client_gets_a_status_so_that_it_stops(client: Client, status: int) -> None:
    response = refusal(RequestError("too large", param="input"), client, 413)
    assert response.status_code == status
    assert b"input: too large" in (response.content or b"")


def test_no_more_of_an_error_is_decoded_than_anybody_reads() -> None:
    packed = gzip.compress(b"x" * (MAX_ERROR_BYTES * 3))
    refused = http.Response.make(400, b"", {"content-encoding": "gzip"})
    refused.raw_content = packed
    assert 0 < len(readable(refused)) <= MAX_ERROR_BYTES * 2
    assert readable(http.Response.make(400, b"plain")) == b"plain"
