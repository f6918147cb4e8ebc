"""A request's body is read no further than its limit, and the client reads why.

mitmproxy responds in HTML and closes the connection, so that a client which still sends gets a reset instead. Here the
response goes out as soon as the size is known, from `content-length` or from what has come; what still
comes is read for a while and thrown away.
"""

import math
import time

from mitmproxy import http
from mitmproxy.net.http.http1 import expected_http_body_size
from mitmproxy.proxy import commands
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import DropStream, SendHttp
from mitmproxy.proxy.layers.http import _events as http_events
from mitmproxy.proxy.layers.http import _hooks as hooks
from mitmproxy.utils import human

from addons.exchange import error_response
from addons.exchange.client_request import client_of
from addons.exchange.flow_metadata import WHOLE
from addons.layer.credential_stream import CredentialStream
from converters.errors import RequestError

_LINGER_SECONDS = 30.0  # for the client to stop
MAX_UNREAD_BYTES = 1 << 20
"""Of a request that will not be forwarded: an addon has responded to its head, or none wants it."""


class LimitedStream(CredentialStream):
    is_refused = False
    """The client has its response before its request was complete, and still sends."""

    def state_wait_for_request_headers(self, event: http_events.RequestHeaders) -> CommandGenerator[None]:
        expects_continue = event.request.headers.pop("expect", "").lower() == "100-continue"
        yield from super().state_wait_for_request_headers(event)
        is_read = self.client_state == self.state_consume_request_body
        if is_read and not event.end_stream and _declared_size(self.flow) > self._limit():
            yield from self._refuse()
        elif expects_continue and (is_read or self.client_state == self.state_stream_request_body):
            # mitmproxy would send it before it is known whether the request is taken.
            interim = http.Response.make(100)
            interim.headers.clear()
            yield SendHttp(http_events.ResponseHeaders(self.stream_id, interim), self.context.client)

    def check_body_size(self, request: bool) -> CommandGenerator[bool]:
        """mitmproxy would stream a body that grows beyond `stream_large_bodies`: then nobody could convert it, and
        where an addon has responded already, that would raise."""
        size = len(self.request_body_buf)
        if request and max(size, _declared_size(self.flow)) > self._limit():
            if size:  # else this is the head, and whose request it is will be known after its hook
                yield from self._refuse()
            return bool(size)
        if request and (WHOLE in self.flow.metadata or self.flow.response is not None):
            return False
        return (yield from super().check_body_size(request))

    def note_refused_unread(self, error: RequestError) -> CommandGenerator[None]:
        """A subclass notes that a request was refused before its body was here."""
        yield from ()

    def _limit(self) -> float:
        """In bytes, as they come."""
        limits = [self.flow.metadata.get(WHOLE), human.parse_size(self.context.options.body_size_limit)]
        limits += [MAX_UNREAD_BYTES] if self.flow.response is not None else []
        return min((limit for limit in limits if limit is not None), default=math.inf)

    def _refuse(self) -> CommandGenerator[None]:
        flow = self.flow
        self.is_refused, self.client_state = True, self.state_refused
        self.request_body_buf.clear()
        flow.request.timestamp_end = time.time()
        if flow.response is None:
            most = f"{self._limit() / 2**20:g} MiB"
            error = RequestError(f"the request is larger than {most} (options request_limit and body_size_limit)")
            flow.response = error_response.refusal(error, client_of(flow.request), 413)
            yield from self.note_refused_unread(error)
        flow.response.headers["connection"] = "close"
        flow.response.timestamp_start = time.time()
        yield hooks.HttpResponseHeadersHook(flow)
        if (yield from self.check_killed(True)):
            return
        yield from self.send_response()
        if self.server_state == self.state_done:
            flow.live = False
            yield SendHttp(http_events.ResponseEndOfMessage(self.stream_id), self.context.client)
            yield commands.RequestWakeup(_LINGER_SECONDS)

    def state_refused(self, event: http_events.HttpEvent) -> CommandGenerator[None]:
        if isinstance(event, http_events.RequestEndOfMessage):
            self.is_refused, self.client_state = False, self.state_done
            yield DropStream(self.stream_id)

    def hang_up(self) -> CommandGenerator[None]:
        """The client has had time enough to read the response."""
        self.is_refused, self.client_state = False, self.state_errored
        end = http_events.ResponseProtocolError(self.stream_id, "the response was sent", http_events.ErrorCode.CANCEL)
        yield SendHttp(end, self.context.client)
        yield DropStream(self.stream_id)


def _declared_size(flow: http.HTTPFlow) -> int:
    """The request's `content-length`; -1 if there is none that could be read."""
    try:
        size = expected_http_body_size(flow.request)
    except ValueError:
        return -1
    return -1 if size is None else size
