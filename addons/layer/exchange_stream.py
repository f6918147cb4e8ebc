"""The attempts of one request: connect, send, read, fail.

Each attempt talks to its upstream under a stream id of its own, a negative one: HTTP/2 wants a new id for each try, and
what still comes from an attempt that is over finds nobody.
"""

import itertools

from mitmproxy import connection, http
from mitmproxy.proxy import events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import DropStream, GetHttpConnection, HttpLayer, SendHttp
from mitmproxy.proxy.layers.http import _events as said
from mitmproxy.proxy.layers.http import _hooks as hooks
from mitmproxy.utils import human

from addons.exchange import response_headers
from addons.exchange.content_encoding import Undecodable
from addons.exchange.error_response import MOST_OF_AN_ERROR
from addons.exchange.exchange import CLIENT_LEFT, Outcome
from addons.exchange.flow_metadata import SIDE, WHOLE
from addons.exchange.hooks import AttemptEndHook, NextAttemptHook
from addons.layer import write_coalescing
from addons.layer.attempt import RunningAttempt, TooLarge
from addons.layer.last_resort import SafeStream, Surprise
from addons.layer.request_size import UNREAD
from addons.layer.write_coalescing import ReadEnded
from converters.errors import Fault, Kind

_MOST_TOLD = 300  # characters of what is wrong with a connection

_stream_ids = itertools.count(-1, -1)


def _nothing() -> CommandGenerator[None]:
    yield from ()


class ExchangeStream(SafeStream):
    """An `HttpStream` whose request is answered by attempts, if the addons make any."""

    # --- where mitmproxy meets us ---

    def start_request_stream(self) -> CommandGenerator[None]:
        """mitmproxy wants to hand the body on as it comes: nobody could convert it, or refuse it, after that."""
        if WHOLE not in self.flow.metadata:
            exchange = self.open_exchange()
            yield NextAttemptHook(exchange)
            if (yield from self.over()):
                return
            if exchange.pass_through:
                yield from super().start_request_stream()
                return
            if self.flow.response is not None:
                yield from self.end_exchange("refused")
        self.flow.metadata.setdefault(WHOLE, UNREAD)
        self.flow.request.stream = False
        self.client_state = self.state_consume_request_body

    def make_server_connection(self) -> CommandGenerator[bool]:
        """mitmproxy wants to connect; False tells it that the request is taken care of."""
        is_streamed = self.client_state != self.state_done  # `start_request_stream` has asked
        is_replayed_attempt = self.flow.metadata.get(SIDE) == "upstream"
        if is_streamed or is_replayed_attempt:
            return (yield from super().make_server_connection())
        exchange = self.open_exchange()
        yield NextAttemptHook(exchange)
        if (yield from self.over()):
            return False
        if exchange.pass_through and exchange.attempt is None and self.flow.response is None:
            return (yield from super().make_server_connection())
        exchange.pass_through = False
        self.flow.metadata[SIDE] = "client"
        if not (yield from self._follow()):
            yield from self._ask()
        return False

    def handle_event(self, event: events.Event) -> CommandGenerator[None]:
        try:
            quick = self._quickly(event)
        except Exception as error:  # the boundary is further in, where all else is handled
            return super().handle_event(Surprise(error))
        return self._at_length(event) if quick is None else quick

    def _quickly(self, event: events.Event) -> CommandGenerator[None] | None:
        """What comes most, the pieces of an answer, by a short way; None where there is more to do than usual."""
        attempt = self._attempt
        if attempt is None or self._paused is not None or self.server_state != self.state_attempt_answer:
            return None
        if type(event) is said.ResponseData and write_coalescing.is_applied():
            is_usual = event.stream_id == attempt.stream_id and self.flow.error is None and not attempt.is_stopped
            return _nothing() if is_usual and attempt.receive_plain(event.data) else None
        if type(event) is ReadEnded and self.began and attempt.conversion.stream:
            return self._read_on(attempt, b"".join(attempt.read()))
        return None

    def _read_on(self, attempt: RunningAttempt, data: bytes) -> CommandGenerator[None]:
        if data:
            yield self.piece(data)
        if attempt.conversion.failed:
            yield from super().handle_event(ReadEnded())

    def _at_length(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.Wakeup) and self._paused is not None:
            yield from self.woken_while_blocked(event)  # mitmproxy would queue it
        elif not (self.is_refused and isinstance(event, said.RequestData)):
            if isinstance(event, events.HookCompleted) and self._attempt is not None:
                self._attempt.clock.rest()
            yield from super().handle_event(event)

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        try:
            if isinstance(event, Surprise):
                raise event.error
            if isinstance(event, events.Wakeup):
                yield from self.hang_up() if self.is_refused else self.woken(event)
            elif isinstance(event, ReadEnded):
                yield from self._convert()
            elif not (isinstance(event, said.HttpEvent) and self._comes_late(event)):
                yield from super()._handle_event(event)
        except Exception as error:  # the boundary: the client must not wait for what will never come
            yield from self.end_of_all(error)

    def _comes_late(self, event: said.HttpEvent) -> bool:
        return event.stream_id < 0 and (self._attempt is None or event.stream_id != self._attempt.stream_id)

    def handle_protocol_error(
        self, event: said.RequestProtocolError | said.ResponseProtocolError
    ) -> CommandGenerator[None]:
        event.message = event.message[:_MOST_TOLD]  # it may quote all that came
        if self._attempt is None:
            yield from super().handle_protocol_error(event)
        elif isinstance(event, said.RequestProtocolError):
            yield from self._client_left(self._attempt)
        else:
            self._attempt.upstream = None
            yield from self._broken("cut", f"broke off: {event.message}")

    @property
    def _http(self) -> HttpLayer:
        parent = self.context.layers[self.context.layers.index(self) - 1]
        assert isinstance(parent, HttpLayer)
        return parent

    # --- attempts ---

    def _ask(self) -> CommandGenerator[None]:
        """Asks until something is on its way, to an upstream or to the client."""
        while not (yield from self.over()):
            self.exchange.attempt = None
            yield NextAttemptHook(self.exchange)
            if (yield from self.over()) or (yield from self._follow()):
                return

    def _follow(self) -> CommandGenerator[bool]:
        """Does what the addon chose; False if an attempt could not even be sent."""
        chosen = self.exchange.attempt
        if chosen is None or self.flow.response is not None:
            yield from self.respond()
            return True
        most = human.parse_size(self.context.options.body_size_limit) or chosen.limits.answer
        limit = min(most, chosen.limits.answer)
        attempt = self._attempt = RunningAttempt(chosen, self.exchange, next(_stream_ids), limit)
        attempt.start()
        yield hooks.HttpRequestHeadersHook(chosen.flow)
        yield hooks.HttpRequestHook(chosen.flow)
        if (yield from self.over()):
            return True
        if attempt.is_stopped:
            return (yield from self._not_sent("bad_request", "was stopped in the proxy"))
        if chosen.flow.response is not None:
            yield from self._answered_by_addon(attempt, chosen.flow.response)
            return True
        return (yield from self._send(attempt))

    def _send(self, attempt: RunningAttempt) -> CommandGenerator[bool]:
        server, error = yield from self._connect(attempt)
        attempt.upstream = server
        if (yield from self.over()):
            return True
        if server is None:
            why = f"no connection for {attempt.record.limits.connect:g} s" if self._late else error
            return (yield from self._not_sent("timeout" if self._late else "unreachable", f"is out of reach: {why}"))
        attempt.flow.server_conn = server
        self._http.streams[attempt.stream_id] = self
        self.server_state = self.state_attempt_headers
        attempt.clock.connected()
        yield from self.arm(attempt)
        # mitmproxy does not use an HTTP/1 connection twice for an HTTP/2 client: it would stay open for nothing.
        request = attempt.on_the_wire(keep_alive=self.context.client.alpn != b"h2")
        body = request.raw_content
        yield SendHttp(said.RequestHeaders(attempt.stream_id, request, end_stream=not body), server)
        if body:
            yield SendHttp(said.RequestData(attempt.stream_id, body), server)
        yield SendHttp(said.RequestEndOfMessage(attempt.stream_id), server)
        return True

    def _connect(self, attempt: RunningAttempt) -> CommandGenerator[tuple[connection.Server | None, str | None]]:
        for known in self._http.connections:
            # mitmproxy keeps a connection that failed, to fail with it once more; forgiven, it is just a closed one.
            if isinstance(known, connection.Server) and not known.connected:
                known.error = None
        request = attempt.flow.request
        self._late = False
        self._connecting = GetHttpConnection(
            (request.host, request.port), request.scheme == "https", self.flow.server_conn.via
        )
        yield from self.arm(attempt)
        server, error = yield self._connecting
        self._connecting = None
        return server, error

    def _answered_by_addon(self, attempt: RunningAttempt, response: http.Response) -> CommandGenerator[None]:
        """An addon speaks for the upstream (server replay, map local): read like any other answer."""
        story: list[said.HttpEvent] = [said.ResponseHeaders(attempt.stream_id, response)]
        if response.raw_content:
            story.append(said.ResponseData(attempt.stream_id, response.raw_content))
        story.append(said.ResponseEndOfMessage(attempt.stream_id))
        self.server_state = self.state_attempt_headers
        for event in story:
            if self._attempt is attempt:
                yield from self.server_state(event)

    # --- what the upstream says ---

    def state_attempt_headers(self, event: said.HttpEvent) -> CommandGenerator[None]:
        assert isinstance(event, said.ResponseHeaders)
        attempt = self._in_progress
        attempt.flow.response = attempt.read_head(event.response)
        yield hooks.HttpResponseHeadersHook(attempt.flow)
        if (yield from self.over()):
            return
        response = attempt.flow.response
        if attempt.is_stopped:
            yield from self._stopped()
        elif response.status_code < 200:
            # mitmproxy's HTTP/1 client takes a 1xx for the whole answer.
            yield from self._broken("server", f"answered {response.status_code}")
        elif response.status_code >= 300:
            self.server_state = self.state_attempt_refused
        else:
            self.server_state = self.state_attempt_answer
            try:
                attempt.open_answer(response.headers.get("content-encoding", ""))
            except Undecodable as error:
                yield from self._broken("server", f"answered in a form that was not asked for: {error}")

    def state_attempt_refused(self, event: said.HttpEvent) -> CommandGenerator[None]:
        attempt = self._in_progress
        if isinstance(event, said.ResponseData):
            attempt.receive(event.data)
        elif isinstance(event, said.ResponseTrailers):
            attempt.receive_trailers(event.trailers)
        at_its_end = isinstance(event, said.ResponseEndOfMessage)
        if at_its_end:
            attempt.upstream = None
        if at_its_end or len(attempt.raw) >= MOST_OF_AN_ERROR:
            yield from self._try_next(attempt, outcome="refused")

    def state_attempt_answer(self, event: said.HttpEvent) -> CommandGenerator[None]:
        attempt = self._in_progress
        if isinstance(event, said.ResponseData):
            if self.flow.error is not None or attempt.is_stopped:
                yield from self._stopped()
                return
            try:
                attempt.receive(event.data)
            except TooLarge as error:
                yield from self._broken("bad_request", f"sent {error}", 502)
            except Undecodable as error:
                yield from self._broken("server", f"sent what cannot be read: {error}")
            else:
                if not write_coalescing.is_applied():
                    yield from self._convert()
        elif isinstance(event, said.ResponseEndOfMessage):
            attempt.upstream = None
            yield from self._complete(attempt)
        elif isinstance(event, said.ResponseTrailers):
            attempt.receive_trailers(event.trailers)

    def _complete(self, attempt: RunningAttempt) -> CommandGenerator[None]:
        attempt.flush()
        yield from self._convert()
        if self._attempt is attempt:
            yield from self._conclude(attempt, attempt.conversion.close())

    def _conclude(
        self, attempt: RunningAttempt, last_words: list[bytes], error: str | None = None
    ) -> CommandGenerator[None]:
        """The upstream's response is over, by its own end or by a failure."""
        if self.began or (attempt.conversion.stream and attempt.conversion.fault is None):
            yield from self._end_stream(attempt, last_words, error)
            return
        whole = attempt.conversion.whole()
        if attempt.conversion.fault is not None:
            yield from self._try_next(attempt, error)
            return
        headers = response_headers.for_client(attempt.flow.response) | whole.headers
        yield from self._close(attempt, error)
        if not (yield from self.over()):
            self.flow.response = http.Response.make(whole.status, attempt.mask(whole.body), headers)
            yield from self.respond()

    @property
    def has_unread(self) -> bool:
        """Whether it wants to be told when the read is over."""
        attempt = self._attempt
        return attempt is not None and bool(attempt.unread) and self.server_state == self.state_attempt_answer

    def _convert(self) -> CommandGenerator[None]:
        attempt = self._attempt
        if attempt is None or self.server_state != self.state_attempt_answer:
            return
        if attempt.unread:
            yield from self._tell(attempt, attempt.read())
        if attempt.conversion.failed and self._attempt is attempt:
            yield from self._conclude(attempt, [])

    def _tell(self, attempt: RunningAttempt, chunks: list[bytes]) -> CommandGenerator[None]:
        if attempt.conversion.stream:
            yield from self.say(attempt.mask(b"".join(chunks)))

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
            cancel = said.RequestProtocolError(attempt.stream_id, error or "read enough", said.ErrorCode.CANCEL)
            yield SendHttp(cancel, attempt.upstream)
        yield AttemptEndHook(self.exchange)
        yield hooks.HttpResponseHook(attempt.flow) if error is None else hooks.HttpErrorHook(attempt.flow)

    def _end_stream(self, attempt: RunningAttempt, chunks: list[bytes], error: str | None) -> CommandGenerator[None]:
        """The end of the message goes out with the last words, before any hook.

        Codex leaves when it has read the last event, and takes its connection along if that was not yet the end.
        """
        yield from self._tell(attempt, chunks)
        if self._attempt is not None and (yield from self.end_message()):
            yield from self._close(attempt, error)
            yield from self.finish()

    def _not_sent(self, kind: Kind, what: str) -> CommandGenerator[bool]:
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
        yield from self._ask()

    def _broken(self, kind: Kind, what: str, status: int | None = None) -> CommandGenerator[None]:
        """The upstream fails: a clean end if the client has read something, another attempt if not."""
        attempt = self._in_progress
        fault = attempt.fault(kind, what, status)
        attempt.flush()
        yield from self._convert()
        if self._attempt is not attempt:
            return
        if self.server_state == self.state_attempt_refused:  # then its status says more than its end
            yield from self._try_next(attempt, fault.message, "refused")
        else:
            yield from self._conclude(attempt, attempt.conversion.fail(fault), fault.message)

    def _client_left(self, attempt: RunningAttempt) -> CommandGenerator[None]:
        if self.began and not attempt.conversion.fail(Fault("cut", CLIENT_LEFT)):
            yield from self._end_stream(attempt, [], None)  # it had all it wanted
            return
        self.client_state = self.server_state = self.state_errored
        yield from self._close(attempt, CLIENT_LEFT, "client_left")
        yield from self.finish(CLIENT_LEFT)

    def abandon_attempt(self, why: str, outcome: Outcome) -> CommandGenerator[None]:
        if self._attempt is not None:
            yield from self._close(self._attempt, why, outcome)

    def _stopped(self) -> CommandGenerator[None]:
        """A user killed one of the two flows in mid-answer."""
        if not (yield from self.over()):
            yield from self._broken("bad_request", "was stopped in the proxy")
