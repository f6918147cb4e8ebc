"""Whatever raises while a request is in our hands, its client reads an end.

mitmproxy logs what its layers raise and goes on, and the client waits for ever. So all that happens to a stream happens
within one boundary (`ExchangeStream._handle_event`), and what is said there needs nothing that may be broken: not the
exchange, not its attempt.
"""

import logging
import traceback

from mitmproxy import flow
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import DropStream, SendHttp
from mitmproxy.proxy.layers.http import _events as said
from mitmproxy.proxy.layers.http import _hooks as hooks

from addons import asking
from addons.layer.timers import TimedStream
from converters import errors

logger = logging.getLogger(__name__)

_WHAT = "the proxy failed at this request ({}); its log says where"


class SafeStream(TimedStream):
    def end_of_all(self, error: Exception) -> CommandGenerator[None]:
        what = _WHAT.format(type(error).__name__)
        # Not the error's words: they may quote what somebody asked.
        logger.error("%s:\n%s", what, "".join(traceback.format_tb(error.__traceback__)))
        yield from self._end(what)

    def _end(self, what: str) -> CommandGenerator[None]:
        last_words = self._last_words(what)
        self.client_state = self.server_state = self.state_errored
        for event in last_words:
            yield SendHttp(event, self.context.client)
        yield from self._drop_attempt(what)
        if client := self.__dict__.get("flow"):
            client.error, client.live = flow.Error(what), False
            yield hooks.HttpErrorHook(client)
        yield DropStream(self.stream_id)

    def _last_words(self, what: str) -> list[said.HttpEvent]:
        """An error answer, or the end of a stream that has begun; nothing more where all was said."""
        client = self.__dict__.get("flow")
        if client is None or self.server_state == self.state_stream_response_body:
            return [said.ResponseProtocolError(self.stream_id, what, said.ErrorCode.KILL)]
        if self.server_state in (self.state_done, self.state_errored):
            return []
        reader = asking.client_of(client.request)
        if self.began:
            data = errors.terminal_event(errors.Fault("bad_request", what), reader)
            self._sent += data
            self._keep_what_was_sent()
            return [said.ResponseData(self.stream_id, data), said.ResponseEndOfMessage(self.stream_id)]
        client.response = asking.refusal(errors.RequestError(what), reader, 500)
        return [
            said.ResponseHeaders(self.stream_id, client.response),
            said.ResponseData(self.stream_id, client.response.raw_content or b""),
            said.ResponseEndOfMessage(self.stream_id),
        ]

    def _drop_attempt(self, what: str) -> CommandGenerator[None]:
        attempt, self._attempt = self._attempt, None
        if attempt is None:
            return
        yield DropStream(attempt.stream_id)
        if attempt.upstream is not None:
            cancel = said.RequestProtocolError(attempt.stream_id, what, said.ErrorCode.CANCEL)
            yield SendHttp(cancel, attempt.upstream)
        attempt.flow.error, attempt.flow.live = flow.Error(what), False
        yield hooks.HttpErrorHook(attempt.flow)
