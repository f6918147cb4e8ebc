"""What the client reads, and whether it is still there."""

import time
from abc import abstractmethod
from dataclasses import replace

from mitmproxy import flow, http
from mitmproxy.proxy import commands
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import DropStream, HttpLayer, SendHttp
from mitmproxy.proxy.layers.http import _events as http_events
from mitmproxy.proxy.layers.http import _hooks as hooks

from addons.credentials.masking import Mask, values
from addons.exchange import error_response, response_headers
from addons.exchange.client_request import client_of
from addons.exchange.exchange import CLIENT_LEFT, Attempt, Exchange, Outcome
from addons.exchange.flow_metadata import WHOLE, note_end
from addons.exchange.hooks import ExchangeEndHook
from addons.layer import live_bodies
from addons.layer.http1 import Http1Server
from addons.layer.request_size import LimitedStream
from converters.errors import Fault, RequestError

_NO_ADDON_RESPONDED = "the proxy failed before it could send the request; its log says why"

_STREAM = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", "x-accel-buffering": "no"}


class ClientStream(LimitedStream):
    """A stream whose response we write.

    A hook or a connection to be made blocks the generator that yields it; what happens meanwhile is queued. So
    `is_over` is checked after each.
    """

    exchange: Exchange
    head_sent = False
    """The client has the head of a stream."""
    last_write = 0.0
    """When the client last got something, as `time.monotonic`."""
    _sent: bytearray
    _opened_at = 0.0
    """When the exchange began, as `time.monotonic`."""
    _is_chunked = False
    """Pieces of the body go out as chunks of HTTP/1."""

    def open_exchange(self) -> Exchange:
        self.exchange, self._sent, self._opened_at = Exchange(self.flow), bytearray(), time.monotonic()
        return self.exchange

    def end_exchange(self, outcome: Outcome) -> CommandGenerator[None]:
        """Notes the outcome and calls the last hook, once; what passes through is no exchange."""
        exchange = self.exchange
        if exchange.outcome is None and not exchange.pass_through:
            exchange.outcome, exchange.ended = outcome, time.time()
            note_end(self.flow, outcome, exchange.fault)
            yield ExchangeEndHook(exchange)

    def note_refused_unread(self, error: RequestError) -> CommandGenerator[None]:
        if WHOLE in self.flow.metadata and "exchange" not in self.__dict__:
            self.open_exchange().fault = Fault("bad_request", str(error))
            yield from self.end_exchange("refused")

    @property
    @abstractmethod
    def _http(self) -> HttpLayer: ...

    @abstractmethod
    def abandon_attempt(self, why: str, outcome: Outcome) -> CommandGenerator[None]:
        """Ends the attempt that may be in progress."""

    @property
    def is_killed(self) -> bool:
        """A user killed the client's flow."""
        return self.flow.error is not None and self.flow.error.msg == flow.Error.KILLED_MESSAGE

    def note_client_left(self) -> None:
        """While a hook is waited for, which may want to know."""
        exchange: Exchange | None = self.__dict__.get("exchange")
        if exchange is not None:
            exchange.client_left.set()

    def is_over(self) -> CommandGenerator[bool]:
        """Whether the client left, or a user killed its flow, while we were blocked. All is ended then."""
        killed = self.is_killed
        left = any(isinstance(event, http_events.RequestProtocolError) for event in self._paused_event_queue)
        if not (killed or left):
            return False
        outcome: Outcome = "killed" if killed else "client_left"
        yield from self.abandon_attempt(flow.Error.KILLED_MESSAGE if killed else CLIENT_LEFT, outcome)
        self._keep_sent_body()
        yield from self.end_exchange(outcome)
        yield from self.check_killed(True)
        yield DropStream(self.stream_id)
        self._release()
        return True

    def write(self, data: bytes) -> CommandGenerator[None]:
        """The response's head goes out with the first bytes: until then another attempt is possible."""
        # An empty chunk would end an HTTP/1 response.
        if data and (self.head_sent or (yield from self._begin())):
            yield self.body_data(data)

    def body_data(self, data: bytes) -> commands.Command:
        """The command that sends a piece of the body, after the head."""
        self._sent += data
        self.last_write = time.monotonic()
        if self._is_chunked:
            # What mitmproxy's HTTP/1 server would make of it, after a look at the response's headers for each piece.
            return commands.SendData(self.context.client, b"%x\r\n%b\r\n" % (len(data), data))
        return SendHttp(http_events.ResponseData(self.stream_id, data), self.context.client)

    def _begin(self) -> CommandGenerator[bool]:
        response = http.Response.make(200, b"", _STREAM | self.headers_of(self.exchange.attempts[-1]))
        response.headers.pop("content-length", None)
        if self.flow.request.http_version == "HTTP/1.1":
            response.headers["transfer-encoding"] = "chunked"  # else the end of the response ends the connection
        self.flow.response = response
        yield hooks.HttpResponseHeadersHook(self.flow)
        if (yield from self.is_over()):
            return False
        self.head_sent = True
        live_bodies.start(self.flow, self._sent)
        yield SendHttp(http_events.ResponseHeaders(self.stream_id, self.flow.response), self.context.client)
        encoding = self.flow.response.headers.get("transfer-encoding", "")  # an addon may have changed it
        end = self._http.connections.get(self.context.client)
        self._is_chunked = isinstance(end, Http1Server) and "chunked" in encoding.lower()
        return True

    def end_message(self) -> CommandGenerator[bool]:
        """The end of what the client reads; False if it was gone before anything could be sent."""
        if not (self.head_sent or (yield from self._begin())):
            return False
        self.server_state = self.state_done
        self._keep_sent_body()
        yield SendHttp(http_events.ResponseEndOfMessage(self.stream_id), self.context.client)
        return True

    def finish(self, error: str | None = None) -> CommandGenerator[None]:
        """The last hook of the client's flow."""
        if error is None:
            yield from self.end_exchange("failed" if self.exchange.fault else "answered")
            yield hooks.HttpResponseHook(self.flow)
        else:
            self._keep_sent_body()
            self.flow.error = flow.Error(error)
            yield from self.end_exchange("client_left")
            yield hooks.HttpErrorHook(self.flow)
        self.flow.live = False
        yield DropStream(self.stream_id)
        self._release()

    def respond(self) -> CommandGenerator[None]:
        """Sends `flow.response` as mitmproxy sends an addon's response; where none set any, why it failed."""
        if self.flow.response is None:
            self.flow.response = self._whole()
        self.flow.response.timestamp_start = time.time()
        yield hooks.HttpResponseHeadersHook(self.flow)
        if not (yield from self.is_over()):
            yield from self.end_exchange(self._outcome())
            yield from self.send_response()
            yield DropStream(self.stream_id)  # mitmproxy does not where the client left meanwhile
            self._release()

    def _whole(self) -> http.Response:
        if not self.exchange.attempts:  # an addon raised, but the client must get a response
            return error_response.refusal(RequestError(_NO_ADDON_RESPONDED), client_of(self.flow.request), 500)
        reported = self.exchange.reported or self.exchange.attempts[-1]
        self.exchange.fault = reported.fault
        whole = reported.conversion.whole()
        own = {name.lower(): value for name, value in whole.headers.items()}
        masked = Mask(values(reported.credentials.items()), is_error=True)(whole.body)
        return error_response.response(replace(whole, headers=self.headers_of(reported) | own, body=masked))

    def headers_of(self, attempt: Attempt) -> dict[str, str]:
        """Those of the attempt's response that the client gets, and what addons lay over them."""
        return response_headers.for_client(attempt) | self.exchange.response_headers

    def _outcome(self) -> Outcome:
        """Of an exchange whose client gets a whole response."""
        if not self.exchange.attempts:
            return "refused"
        return "answered" if self.exchange.attempts[-1].outcome == "answered" else "failed"

    def _release(self) -> None:
        """A wake-up that is still to come keeps this stream in memory; it need not keep the flow and its bodies."""
        del self.exchange, self.flow
        self._handle_event = _ignore  # events may wait for a hook that was the last

    def _keep_sent_body(self) -> None:
        live_bodies.stop(self.flow)
        if self.head_sent and self._sent and self.flow.response is not None:
            self.flow.response.raw_content = bytes(self._sent)
            self.flow.response.timestamp_end = time.time()
            self._sent.clear()  # a response is large: never keep it twice


def _ignore(_: object) -> CommandGenerator[None]:
    yield from ()
