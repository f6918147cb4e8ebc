"""Whatever raises while a request is in our hands, its client gets an end.

mitmproxy logs what its layers raise and goes on, and the client waits for ever. So all that happens to a stream happens
within one boundary (`ExchangeStream._handle_event`), and what is sent there needs nothing that may be broken: not the
exchange, not its attempt.
"""

import logging
import time
import traceback
from dataclasses import dataclass

from mitmproxy import flow
from mitmproxy.proxy import events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import DropStream, SendHttp
from mitmproxy.proxy.layers.http import _events as http_events
from mitmproxy.proxy.layers.http import _hooks as hooks

from addons.exchange import error_response
from addons.exchange.client_request import client_of
from addons.exchange.flow_metadata import note_end
from addons.exchange.hooks import AttemptEndHook
from addons.layer.timers import TimedStream
from converters import errors

logger = logging.getLogger(__name__)

_MESSAGE = "the proxy failed at this request ({}); its log says where"


@dataclass
class UnexpectedError(events.Event):
    """Something raised that should not."""

    error: Exception


class SafeStream(TimedStream):
    def end_after_bug(self, error: Exception) -> CommandGenerator[None]:
        what = _MESSAGE.format(type(error).__name__)
        # Not the error's message: it may quote the request.
        logger.error("%s:\n%s", what, "".join(traceback.format_tb(error.__traceback__)))
        yield from self._end(what)

    def _end(self, what: str) -> CommandGenerator[None]:
        last_chunks = self._closing_events(what)
        self.client_state = self.server_state = self.state_errored
        for event in last_chunks:
            yield SendHttp(event, self.context.client)
        yield from self._drop_attempt(what)
        if client := self.__dict__.get("flow"):
            client.error, client.live = flow.Error(what), False
            yield from self._end_failed_exchange(errors.Fault("bad_request", what))
            yield hooks.HttpErrorHook(client)
        yield DropStream(self.stream_id)

    def _closing_events(self, what: str) -> list[http_events.HttpEvent]:
        """An error response, or the end of a stream that has begun; nothing more where all was sent."""
        client = self.__dict__.get("flow")
        if client is None or self.server_state == self.state_stream_response_body:
            return [http_events.ResponseProtocolError(self.stream_id, what, http_events.ErrorCode.KILL)]
        if self.server_state in (self.state_done, self.state_errored):
            return []
        reader = client_of(client.request)
        if self.head_sent:
            data = errors.terminal_event(errors.Fault("bad_request", what), reader)
            self._sent += data
            self._keep_sent_body()
            return [http_events.ResponseData(self.stream_id, data), http_events.ResponseEndOfMessage(self.stream_id)]
        client.response = error_response.refusal(errors.RequestError(what), reader, 500)
        return [
            http_events.ResponseHeaders(self.stream_id, client.response),
            http_events.ResponseData(self.stream_id, client.response.raw_content or b""),
            http_events.ResponseEndOfMessage(self.stream_id),
        ]

    def _drop_attempt(self, what: str) -> CommandGenerator[None]:
        attempt, self._attempt = self._attempt, None
        if attempt is None:
            return
        yield DropStream(attempt.stream_id)
        if attempt.upstream is not None:
            cancel = http_events.RequestProtocolError(attempt.stream_id, what, http_events.ErrorCode.CANCEL)
            yield SendHttp(cancel, attempt.upstream)
        record = attempt.record
        record.flow.error, record.flow.live = flow.Error(what), False
        record.outcome, record.fault, record.ended = "failed", errors.Fault("bad_request", what), time.time()
        note_end(record.flow, "failed", record.fault)
        yield AttemptEndHook(attempt.exchange)
        yield hooks.HttpErrorHook(record.flow)

    def _end_failed_exchange(self, fault: errors.Fault) -> CommandGenerator[None]:
        exchange = self.__dict__.get("exchange")
        if exchange is not None and exchange.outcome is None:
            exchange.fault = fault
            yield from self.end_exchange("failed")
