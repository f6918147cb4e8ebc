"""HTTP/1 as it comes: what mitmproxy's two ends of a connection do not expect.

| what comes                            | mitmproxy                         | here     |
|---------------------------------------|-----------------------------------|----------|
| 100, 102, 103 before the response     | takes it for the response         | skipped  |
| trailers, of HTTP/1 or HTTP/2         | crashes, and the other side waits | dropped  |
| a head or a chunk's line without end  | keeps all that comes              | an error |
| a head that breaks off                | reports and logs all of it        | is cut   |
| an error of mitmproxy's own           | responds in HTML                  | in JSON  |
"""

import h11
from h11._readers import ChunkedReader
from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import _events as http_events
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp

from addons.exchange.client_request import client_of
from addons.layer import proxy_errors

_MAX_HEAD_BYTES = 1 << 18
"""Bytes. Bodies pass as they come: what stays in a buffer is a head, a line or trailers that are not complete."""

_HEAD_TOO_LARGE = f"a head of more than {_MAX_HEAD_BYTES} bytes"
_MAX_EXCERPT_BYTES = 200  # of what is no response


class _Tolerant(_http1.Http1Connection):
    # These are called for each piece of a body, and are no generators themselves: a frame more would cost each of them.

    def read_body(self, event: events.Event) -> CommandGenerator[None]:
        if type(self.body_reader) is ChunkedReader:
            self.body_reader = _ChunksWithoutTrailers()  # no part of the body was read yet
        return self._give_up() if self._has_too_much(event) else super().read_body(event)

    def wait(self, event: events.Event) -> CommandGenerator[None]:
        return self._give_up() if self._has_too_much(event) else super().wait(event)

    def send(self, event: HttpEvent) -> CommandGenerator[None]:
        return (
            _nothing()
            if isinstance(event, http_events.RequestTrailers | http_events.ResponseTrailers)
            else super().send(event)
        )

    def _has_too_much(self, event: events.Event) -> bool:
        """Of what came before."""
        return isinstance(event, events.DataReceived) and len(self.buf) - len(event.data) > _MAX_HEAD_BYTES

    def _give_up(self) -> CommandGenerator[None]:
        _shorten(self.buf, 0)
        self.state = self.done
        yield commands.CloseConnection(self.conn)
        if self.stream_id is not None:
            yield ReceiveHttp(
                self.ReceiveProtocolError(self.stream_id, _HEAD_TOO_LARGE, self.ReceiveProtocolError.code)
            )


def _nothing() -> CommandGenerator[None]:
    yield from ()


class _ChunksWithoutTrailers(ChunkedReader):
    def __call__(self, buf: h11._receivebuffer.ReceiveBuffer) -> h11.Data | h11.EndOfMessage | None:
        event = super().__call__(buf)
        return h11.EndOfMessage() if isinstance(event, h11.EndOfMessage) else event


class Http1Server(_Tolerant, _http1.Http1Server):
    def read_headers(self, event: events.ConnectionEvent) -> CommandGenerator[None]:
        if isinstance(event, events.ConnectionClosed):
            _shorten(self.buf, 0)  # mitmproxy would log it, and a head holds credentials
        elif self._has_too_much(event):
            yield commands.SendData(self.conn, proxy_errors.serialized(431, _HEAD_TOO_LARGE))
            yield from self._give_up()
            return
        yield from super().read_headers(event)

    def send(self, event: HttpEvent) -> CommandGenerator[None]:
        if isinstance(event, http_events.ResponseProtocolError) and not self.response and self.request:
            response = proxy_errors.response_to(event, client_of(self.request))
            if response and self.conn.state & ConnectionState.CAN_WRITE:
                return self._send_error(response)
        return super().send(event)

    def _send_error(self, response: http.Response) -> CommandGenerator[None]:
        response.headers["connection"] = "close"
        yield commands.SendData(self.conn, http1.assemble_response(response))
        yield commands.CloseConnection(self.conn)


class Http1Client(_Tolerant, _http1.Http1Client):
    def read_headers(self, event: events.ConnectionEvent) -> CommandGenerator[None]:
        if isinstance(event, events.ConnectionClosed):
            _shorten(self.buf, _MAX_EXCERPT_BYTES)
        elif self._has_too_much(event):
            yield from self._give_up()
            return
        while (yield from self._read_head(event)):
            event = events.DataReceived(self.conn, b"")

    def _read_head(self, event: events.ConnectionEvent) -> CommandGenerator[bool]:
        """True: the head was an interim response."""
        for command in super().read_headers(event):
            if isinstance(command, ReceiveHttp) and isinstance(command.event, http_events.ResponseHeaders):
                status = command.event.response.status_code
                if 100 <= status < 200 and status != 101:
                    self.response = None
                    return True
            yield command
        return False


def _shorten(buf: h11._receivebuffer.ReceiveBuffer, size: int) -> None:
    kept = buf.maybe_extract_at_most(size) if size else b""
    buf.maybe_extract_at_most(len(buf))
    buf += kept or b""
