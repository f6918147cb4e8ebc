"""Error responses to a client, as mitmproxy's objects."""

from dataclasses import replace

from mitmproxy import http

from addons.exchange import content_encoding
from converters import errors
from converters.errors import Client, RequestError

MAX_ERROR_BYTES = 1 << 16
"""Bytes that are read of an upstream's error, decoded."""


def refusal(error: RequestError, client: Client, status: int = 400) -> http.Response:
    """For a request that is not sent. Codex gets 400 whatever `status` is: it retries the others in vain."""
    refused = errors.refusal(error, client)
    return response(replace(refused, status=status) if client == "other" else refused)


def readable(error: http.Response) -> bytes:
    """The body of an upstream's error, decoded no further than `MAX_ERROR_BYTES`."""
    encoding = error.headers.get("content-encoding", "")
    return content_encoding.beginning(error.raw_content or b"", encoding, limit=MAX_ERROR_BYTES)


def response(client_response: errors.ClientResponse) -> http.Response:
    return http.Response.make(client_response.status, client_response.body, client_response.headers)
