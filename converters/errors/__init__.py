"""What went wrong upstream, whose fault it is, and what the client is told.

    fault = read(provider_name, status, headers, body)     # an HTTP error answer
    fault = from_stream(provider_name, error)              # an error object within a 200 answer
    answer(fault, client), in_stream(fault, client), refusal(error, client)      # what the client gets

`read` and `from_stream` take any bytes and any JSON value, and never raise; what they cost is bounded.
"""

from converters.errors.classify import blames_thinking, from_stream, read
from converters.errors.client_errors import Answer, answer, in_stream, is_for_client, refusal, terminal_event
from converters.errors.error_body import describe
from converters.errors.fault import Client, Fault, Kind, RequestError
from converters.errors.one_line import one_line

__all__ = [
    "Answer",
    "Client",
    "Fault",
    "Kind",
    "RequestError",
    "answer",
    "blames_thinking",
    "describe",
    "from_stream",
    "in_stream",
    "is_for_client",
    "one_line",
    "read",
    "refusal",
    "terminal_event",
]
