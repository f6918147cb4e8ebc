"""The client's end of an HTTP/2 connection: mitmproxy's own errors go out in JSON."""

from mitmproxy.proxy import events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import _events as http_events
from mitmproxy.proxy.layers.http import _http2

from addons.layer import proxy_errors


class Http2Server(_http2.Http2Server):
    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, http_events.ResponseProtocolError) and self._can_respond(event.stream_id):
            response = proxy_errors.response_to(event, "other")
            if response is not None:
                for part in (
                    http_events.ResponseHeaders(event.stream_id, response),
                    http_events.ResponseData(event.stream_id, response.raw_content or b""),
                    http_events.ResponseEndOfMessage(event.stream_id),
                ):
                    yield from super()._handle_event(part)
                return
        yield from super()._handle_event(event)

    def _can_respond(self, stream_id: int) -> bool:
        is_open = not self.is_closed(stream_id) and self.is_open_for_us(stream_id)
        return is_open and not self.h2_conn.streams[stream_id].state_machine.headers_sent
