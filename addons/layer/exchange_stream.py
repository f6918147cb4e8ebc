"""The attempts of one request: connect, send, read, fail.

Each attempt talks to its upstream under a stream id of its own, a negative one: HTTP/2 wants a new id for each try, and
what still comes from a past attempt is ignored.
"""

import itertools

from mitmproxy import connection, http
from mitmproxy.proxy import events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import DropStream, GetHttpConnection, HttpLayer, SendHttp
from mitmproxy.proxy.layers.http import _events as http_events
from mitmproxy.proxy.layers.http import _hooks as hooks
from mitmproxy.utils import human

from addons.exchange.content_encoding import Undecodable
from addons.exchange.error_response import MAX_ERROR_BYTES
from addons.exchange.exchange import CLIENT_LEFT, Outcome
from addons.exchange.flow_metadata import SIDE, WHOLE
from addons.exchange.hooks import AttemptEndHook, NextAttemptHook
from addons.layer import write_coalescing
from addons.layer.attempt import RunningAttempt, TooLarge
from addons.layer.last_resort import SafeStream, UnexpectedError
from addons.layer.request_size import MAX_UNREAD_BYTES
from addons.layer.write_coalescing import ReadEnded
from converters.errors import Fault, Kind

_MAX_ERROR_CHARS = 300  # of a connection's error

_stream_ids = itertools.count(-1, -1)


def _nothing() -> CommandGenerator[None]:
    yield from ()


class ExchangeStream(SafeStream):
    """An `HttpStream` that forwards its request in attempts, if the addons make any."""

    # --- where mitmproxy meets us ---

    def start_request_stream(self) -> CommandGenerator[None]:
        """mitmproxy wants to hand the body on as it comes: nobody could convert it, or refuse it, after that."""
        if WHOLE not in self.flow.metadata:
            exchange = self.open_exchange()
            yield NextAttemptHook(exchange)
            if (yield from self.is_over()):
                return
            if exchange.pass_through:
                yield from super().start_request_stream()
                return
            if self.flow.response is not None:
                yield from self.end_exchange("refused")
        self.flow.metadata.setdefault(WHOLE, MAX_UNREAD_BYTES)
        self.flow.request.stream = False
        self.client_state = self.state_consume_request_body

    def make_server_connection(self) -> CommandGenerator[bool]:
        """mitmproxy wants to connect; False tells it that the request is taken care of."""
        is_streamed = self.client_state != self.state_done  # `start_request_stream` has called the hook
        is_replayed_attempt = self.flow.metadata.get(SIDE) == "upstream"
        if is_streamed or is_replayed_attempt:
            return (yield from super().make_server_connection())
        exchange = self.open_exchange()
        yield NextAttemptHook(exchange)
        if (yield from self.is_over()):
            return False
        if exchange.pass_through and exchange.attempt is None and self.flow.response is None:
            return (yield from super().make_server_connection())
        exchange.pass_through = False
        self.flow.metadata[SIDE] = "client"
        if not (yield from self._start_chosen()):
            yield from self._start_next()
        return False

    def handle_event(self, event: events.Event) -> CommandGenerator[None]:
        try:
            quick = self._fast_path(event)
        except Exception as error:  # the boundary is further in, where all else is handled
            return super().handle_event(UnexpectedError(error))
        return self._slow_path(event) if quick is None else quick

    def _fast_path(self, event: events.Event) -> CommandGenerator[None] | None:
        """The pieces of a response, which come most, without mitmproxy's generators; None where there is more to do."""
        attempt = self._attempt
        if attempt is None or self._paused is not None or self.server_state != self.state_attempt_response:
            return None
        if type(event) is http_events.ResponseData and write_coalescing.is_applied():
            is_usual = event.stream_id == attempt.stream_id and self.flow.error is None and not attempt.is_stopped
            return _nothing() if is_usual and attempt.receive_plain(event.data) else None
        if type(event) is ReadEnded and self.head_sent and attempt.conversion.stream:
            return self._send_converted(attempt, b"".join(attempt.read()))
        return None

    def _send_converted(self, attempt: RunningAttempt, data: bytes) -> CommandGenerator[None]:
        if data:
            yield self.body_data(data)
        if attempt.conversion.ended:
            yield from super().handle_event(ReadEnded())

    def _slow_path(self, event: events.Event) -> CommandGenerator[None]:
        if self._paused is not None and isinstance(event, http_events.RequestProtocolError):
            self.note_client_left()  # mitmproxy queues it
        if isinstance(event, events.Wakeup) and self._paused is not None:
            yield from self.woken_while_blocked(event)  # mitmproxy would queue it
        elif not (self.is_refused and isinstance(event, http_events.RequestData)):
            if isinstance(event, events.HookCompleted) and self._attempt is not None:
                self._attempt.clock.rest()
            yield from super().handle_event(event)
            if self._paused is not None and self._attempt is not None:
                self._attempt.clock.hold()

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        try:
            if isinstance(event, UnexpectedError):
                raise event.error
            if isinstance(event, events.Wakeup):
                yield from self.hang_up() if self.is_refused else self.woken(event)
            elif isinstance(event, ReadEnded):
                yield from self._convert()
            elif not (isinstance(event, http_events.HttpEvent) and self._is_for_a_past_attempt(event)):
                yield from super()._handle_event(event)
        except Exception as error:  # the boundary: the client must not wait for what will never come
            yield from self.end_after_bug(error)

    def _is_for_a_past_attempt(self, event: http_events.HttpEvent) -> bool:
        return event.stream_id < 0 and (self._attempt is None or event.stream_id != self._attempt.stream_id)

    def handle_protocol_error(
        self, event: http_events.RequestProtocolError | http_events.ResponseProtocolError
    ) -> CommandGenerator[None]:
        event.message = event.message[:_MAX_ERROR_CHARS]  # it may quote all that came
        if self._attempt is None:
            yield from super().handle_protocol_error(event)
        elif isinstance(event, http_events.RequestProtocolError):
            yield from self._client_left(self._attempt)
        else:
            self._attempt.upstream = None
            yield from self._fail_upstream("cut", f"broke off: {event.message}")

    @property
    def _http(self) -> HttpLayer:
        parent = self.context.layers[self.context.layers.index(self) - 1]
        assert isinstance(parent, HttpLayer)
        return parent

    # --- attempts ---

    def _start_next(self) -> CommandGenerator[None]:
        """Plans and starts attempts until something is on its way, to an upstream or to the client."""
        while not (yield from self.is_over()):
            self.exchange.attempt = None
            yield from self.look_for_a_kill()
            yield NextAttemptHook(self.exchange)
            if (yield from self.is_over()) or (yield from self._start_chosen()):
                return

    def _start_chosen(self) -> CommandGenerator[bool]:
        """Does what the addon chose; False if an attempt could not even be sent."""
        chosen = self.exchange.attempt
        if chosen is None or self.flow.response is not None:
            yield from self.respond()
            return True
        largest = chosen.limits.answer
        limit = min(human.parse_size(self.context.options.body_size_limit) or largest, largest)
        attempt = self._attempt = RunningAttempt(chosen, self.exchange, next(_stream_ids), limit)
        attempt.start()
        yield hooks.HttpRequestHeadersHook(chosen.flow)
        yield hooks.HttpRequestHook(chosen.flow)
        if (yield from self.is_over()):
            return True
        if attempt.is_stopped:
            return (yield from self._fail_unsent("bad_request", "was stopped in the proxy"))
        if chosen.flow.response is not None:
            yield from self._read_addon_response(attempt, chosen.flow.response)
            return True
        return (yield from self._send(attempt))

    def _send(self, attempt: RunningAttempt) -> CommandGenerator[bool]:
        server, error = yield from self._connect(attempt)
        attempt.upstream = server
        if (yield from self.is_over()):
            return True
        if server is None:
            why = f"no connection for {attempt.record.limits.connect:g} s" if self._connect_timed_out else error
            kind: Kind = "timeout" if self._connect_timed_out else "unreachable"
            return (yield from self._fail_unsent(kind, f"is out of reach: {why}"))
        attempt.flow.server_conn = server
        self._http.streams[attempt.stream_id] = self
        self.server_state = self.state_attempt_headers
        attempt.clock.connected(len(attempt.flow.request.raw_content or b""))
        yield from self.arm(attempt)
        # mitmproxy does not use an HTTP/1 connection twice for an HTTP/2 client: it would stay open for nothing.
        request = attempt.on_the_wire(keep_alive=self.context.client.alpn != b"h2")
        body = request.raw_content
        yield SendHttp(http_events.RequestHeaders(attempt.stream_id, request, end_stream=not body), server)
        if body:
            yield SendHttp(http_events.RequestData(attempt.stream_id, body), server)
        yield SendHttp(http_events.RequestEndOfMessage(attempt.stream_id), server)
        return True

    def _connect(self, attempt: RunningAttempt) -> CommandGenerator[tuple[connection.Server | None, str | None]]:
        for known in self._http.connections:
            # mitmproxy keeps a connection that failed, to fail with it again; without its error it is a closed one.
            if isinstance(known, connection.Server) and not known.connected:
                known.error = None
        request = attempt.flow.request
        self._connect_timed_out = False
        address, via = (request.host, request.port), self.flow.server_conn.via
        self._connecting = GetHttpConnection(address, request.scheme == "https", via)
        yield from self.arm(attempt)
        server, error = yield self._connecting
        self._connecting = None
        return server, error

    def _read_addon_response(self, attempt: RunningAttempt, response: http.Response) -> CommandGenerator[None]:
        """An addon responds for the upstream (server replay, map local): read like any other response."""
        response_events: list[http_events.HttpEvent] = [http_events.ResponseHeaders(attempt.stream_id, response)]
        if response.raw_content:
            response_events.append(http_events.ResponseData(attempt.stream_id, response.raw_content))
        response_events.append(http_events.ResponseEndOfMessage(attempt.stream_id))
        self.server_state = self.state_attempt_headers
        for event in response_events:
            if self._attempt is attempt:
                yield from self.server_state(event)

    # --- what the upstream sends ---

    def state_attempt_headers(self, event: http_events.HttpEvent) -> CommandGenerator[None]:
        """The head of the upstream's response: which of the two below reads the rest."""
        assert isinstance(event, http_events.ResponseHeaders)
        attempt = self._in_progress
        attempt.flow.response = attempt.read_head(event.response)
        yield hooks.HttpResponseHeadersHook(attempt.flow)
        if (yield from self.is_over()):
            return
        response = attempt.flow.response
        if attempt.is_stopped:
            yield from self._end_stopped()
        elif response.status_code < 200:
            # mitmproxy's HTTP/1 client takes a 1xx for the whole response.
            yield from self._fail_upstream("server", f"answered {response.status_code}")
        elif response.status_code >= 300:
            self.server_state = self.state_attempt_error
        else:
            self.server_state = self.state_attempt_response
            try:
                attempt.open_response(response.headers.get("content-encoding", ""))
            except Undecodable as error:
                yield from self._fail_upstream("server", f"answered in a form that was not asked for: {error}")

    def state_attempt_error(self, event: http_events.HttpEvent) -> CommandGenerator[None]:
        """The body of an error, as far as it is kept; then the next attempt."""
        attempt = self._in_progress
        if isinstance(event, http_events.ResponseData):
            attempt.receive(event.data)
        elif isinstance(event, http_events.ResponseTrailers):
            attempt.receive_trailers(event.trailers)
        is_complete = isinstance(event, http_events.ResponseEndOfMessage)
        if is_complete:
            attempt.upstream = None
        if is_complete or len(attempt.raw) >= MAX_ERROR_BYTES:
            yield from self._try_next(attempt, outcome="refused")

    def state_attempt_response(self, event: http_events.HttpEvent) -> CommandGenerator[None]:
        """The body of a response, converted as it comes."""
        attempt = self._in_progress
        if isinstance(event, http_events.ResponseData):
            if self.flow.error is not None or attempt.is_stopped:
                yield from self._end_stopped()
                return
            try:
                attempt.receive(event.data)
            except TooLarge as error:
                yield from self._fail_upstream("bad_request", f"sent {error}", 502)
            except Undecodable as error:
                yield from self._fail_upstream("server", f"sent what cannot be read: {error}")
            else:
                if not write_coalescing.is_applied():
                    yield from self._convert()
        elif isinstance(event, http_events.ResponseEndOfMessage):
            attempt.upstream = None
            attempt.flush()
            yield from self._convert()
            if self._attempt is attempt:
                yield from self._conclude(attempt, attempt.conversion.close())
        elif isinstance(event, http_events.ResponseTrailers):
            attempt.receive_trailers(event.trailers)

    def _conclude(
        self, attempt: RunningAttempt, last_chunks: list[bytes], error: str | None = None
    ) -> CommandGenerator[None]:
        """The upstream's response is over, by its own end or by a failure."""
        if self.head_sent or (attempt.conversion.stream and attempt.conversion.fault is None):
            yield from self._end_stream(attempt, last_chunks, error)
            return
        whole = attempt.conversion.whole()
        if attempt.conversion.fault is not None:
            yield from self._try_next(attempt, error)
            return
        headers = self.headers_of(attempt.record) | whole.headers
        yield from self._close(attempt, error)
        if not (yield from self.is_over()):
            self.flow.response = http.Response.make(whole.status, attempt.mask(whole.body), headers)
            yield from self.respond()

    @property
    def has_unread(self) -> bool:
        """Whether it has data that is converted when the read is over."""
        attempt = self._attempt
        return attempt is not None and bool(attempt.unread) and self.server_state == self.state_attempt_response

    def _convert(self) -> CommandGenerator[None]:
        attempt = self._attempt
        if attempt is None or self.server_state != self.state_attempt_response:
            return
        if attempt.unread:
            yield from self._send_to_client(attempt, attempt.read())
        if attempt.conversion.ended and self._attempt is attempt:
            yield from self._conclude(attempt, []) if attempt.conversion.failed else self.await_end(attempt)

    def _send_to_client(self, attempt: RunningAttempt, chunks: list[bytes]) -> CommandGenerator[None]:
        if attempt.conversion.stream:
            yield from self.write(attempt.mask(b"".join(chunks)))

    # --- how things end ---

    @property
    def _in_progress(self) -> RunningAttempt:
        assert self._attempt is not None
        return self._attempt

    def _close(
        self, attempt: RunningAttempt, error: str | None = None, outcome: Outcome | None = None
    ) -> CommandGenerator[None]:
        """The attempt is over: nothing more is read, its flow gets the bytes that came and its one last hook."""
        attempt.end(error, outcome)
        self._attempt = None
        yield DropStream(attempt.stream_id)
        if attempt.upstream is not None:
            reason = error or "read enough"
            cancel = http_events.RequestProtocolError(attempt.stream_id, reason, http_events.ErrorCode.CANCEL)
            yield SendHttp(cancel, attempt.upstream)
        yield AttemptEndHook(self.exchange)
        yield hooks.HttpResponseHook(attempt.flow) if error is None else hooks.HttpErrorHook(attempt.flow)

    def _end_stream(self, attempt: RunningAttempt, chunks: list[bytes], error: str | None) -> CommandGenerator[None]:
        """The end of the message goes out with the last chunks, before any hook.

        Codex leaves when it has read the last event, and takes its connection along if that was not yet the end.
        """
        yield from self._send_to_client(attempt, chunks)
        if self._attempt is not None and (yield from self.end_message()):
            yield from self._close(attempt, error)
            yield from self.finish()

    def _fail_unsent(self, kind: Kind, what: str) -> CommandGenerator[bool]:
        attempt = self._in_progress
        fault = attempt.fault(kind, what)
        attempt.conversion.fail(fault)
        yield from self._close(attempt, fault.message, "killed" if attempt.is_stopped else None)
        return False

    def _try_next(
        self, attempt: RunningAttempt, error: str | None = None, outcome: Outcome | None = None
    ) -> CommandGenerator[None]:
        """The client has read nothing: what has failed here may be had elsewhere."""
        yield from self._close(attempt, error, outcome)
        yield from self._start_next()

    def _fail_upstream(self, kind: Kind, what: str, status: int | None = None) -> CommandGenerator[None]:
        """The upstream fails: a clean end if the client has read something, another attempt if not."""
        attempt = self._in_progress
        fault = attempt.fault(kind, what, status)
        attempt.flush()
        yield from self._convert()
        if self._attempt is not attempt:
            return
        if self.server_state == self.state_attempt_error:  # its status tells more than how it ended
            yield from self._try_next(attempt, fault.message, "refused")
        else:
            yield from self._conclude(attempt, attempt.conversion.fail(fault), fault.message)

    def _client_left(self, attempt: RunningAttempt) -> CommandGenerator[None]:
        if self.head_sent and not attempt.conversion.fail(Fault("cut", CLIENT_LEFT)):
            yield from self._end_stream(attempt, [], None)  # it has read all of it
            return
        self.client_state = self.server_state = self.state_errored
        yield from self._close(attempt, CLIENT_LEFT, "client_left")
        yield from self.finish(CLIENT_LEFT)

    def abandon_attempt(self, why: str, outcome: Outcome) -> CommandGenerator[None]:
        if self._attempt is not None:
            yield from self._close(self._attempt, why, outcome)

    def _end_stopped(self) -> CommandGenerator[None]:
        """A user killed one of the two flows while its response came."""
        if not (yield from self.is_over()):
            yield from self._fail_upstream("bad_request", "was stopped in the proxy")
