"""mitmproxy's own error responses, in the form that our clients read; its own are HTML."""

from mitmproxy import http
from mitmproxy.net.http import http1
from mitmproxy.proxy.layers.http import _events as http_events

from addons.exchange import error_response
from addons.runtime.printable import printable
from converters import errors


def response_to(event: http_events.ResponseProtocolError, client: errors.Client) -> http.Response | None:
    """None where mitmproxy just closes the connection, or resets the stream."""
    status = event.code.http_status_code()
    if status is None:
        return None
    if status < 500:
        return error_response.refusal(errors.RequestError(event.message), client, status)
    too_large = event.code is http_events.ErrorCode.RESPONSE_TOO_LARGE
    fault = errors.Fault("bad_request" if too_large else "unreachable", event.message, status)
    return error_response.response(errors.client_response(fault, client))


def serialized(status_code: int, message: str = "") -> bytes:
    """As HTTP/1, for a head that could not be read: which client sent it is not known."""
    response = error_response.refusal(errors.RequestError(printable(message)), "other", status_code)
    response.headers["connection"] = "close"
    return bytes(http1.assemble_response(response))
