"""What a client is told where a request comes to nothing, as mitmproxy's responses."""

from mitmproxy import http

from addons.exchange import content_encoding
from converters import errors
from converters.errors import Client, RequestError

MOST_OF_AN_ERROR = 1 << 16
"""Bytes that are read of an upstream's error, decoded."""


def refusal(error: RequestError, client: Client, status: int = 400) -> http.Response:
    """Of a request that goes nowhere; Codex is told 400 whatever it is, since it retries the others in vain."""
    refused = errors.refusal(error, client)
    status = status if client == "other" else refused.status
    return response(errors.ClientResponse(status, refused.headers, refused.body))


def readable(refused: http.Response) -> bytes:
    """What an upstream's error says; no more of it is decoded than anybody reads."""
    encoding = refused.headers.get("content-encoding", "")
    return content_encoding.beginning(refused.raw_content or b"", encoding, limit=MOST_OF_AN_ERROR)


def response(client_response: errors.ClientResponse) -> http.Response:
    return http.Response.make(client_response.status, client_response.body, client_response.headers)
