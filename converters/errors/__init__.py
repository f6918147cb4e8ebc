"""What went wrong upstream, whose fault it is, and the error that the client gets.

    fault = read(provider_name, status, headers, body)     # an HTTP error response
    fault = from_stream(provider_name, error)              # an error object within a 200 response
    client_response(fault, client), in_stream(fault, client), refusal(error, client)      # what the client gets

`read` and `from_stream` take any bytes and any JSON value, and never raise; what they cost is bounded.
"""

from converters.errors.classify import blames_previous_response, blames_thinking, from_stream, read
from converters.errors.client_errors import (
    ClientResponse,
    client_response,
    in_stream,
    is_for_client,
    refusal,
    terminal_event,
)
from converters.errors.error_body import ErrorBody, describe, read_body
from converters.errors.fault import LONGEST_WAIT, Client, Fault, Kind, RequestError
from converters.errors.one_line import one_line

__all__ = [
    "LONGEST_WAIT",
    "Client",
    "ClientResponse",
    "ErrorBody",
    "Fault",
    "Kind",
    "RequestError",
    "blames_previous_response",
    "blames_thinking",
    "client_response",
    "describe",
    "from_stream",
    "in_stream",
    "is_for_client",
    "one_line",
    "read",
    "read_body",
    "refusal",
    "terminal_event",
]
