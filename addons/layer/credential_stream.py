"""What passes by the flows: secrets of heads, taken out before any hook sees them and put back on the wire, the names
under which the client addressed us, and the marks by which we know our own requests again.

What an upstream repeats of the secrets stands masked in the flow, and reaches the client that sent them as it is.
"""

from logging import WARNING

from mitmproxy import http
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import HTTPMode, HttpStream, SendHttp
from mitmproxy.proxy.layers.http import _events as http_events
from mitmproxy.proxy.layers.http import _hooks as hooks
from mitmproxy.proxy.mode_specs import ReverseMode

from addons.credentials import header_secrets
from addons.credentials.masking import Mask
from addons.layer import requested_host, via_header
from addons.layer.write_coalescing import ReadEnded


class CredentialStream(HttpStream):
    """An `HttpStream` whose flow holds no credentials and no cookies, whichever way its request goes.

    This is about the stream's own request and response; what is an attempt's, `Attempt` knows.
    """

    _request_secrets = header_secrets.NOTHING
    _response_secrets = header_secrets.NOTHING
    _requested_host: requested_host.Names | None = None
    _masked_body: tuple[bytes, bytes] | None = None
    """The response's body as the flow shows it, and as it is; None where that is the same."""

    def handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, http_events.RequestHeaders):
            self._request_secrets = header_secrets.take(event.request)
            self._requested_host = requested_host.read(event.request) if self._is_for_us(event) else None
        elif isinstance(event, http_events.ResponseHeaders):
            self._take_from_response(event)
        handled = super().handle_event(event)
        # Heads are sent when heads came or hooks are over: most events are pieces of a body, and are let through.
        return handled if isinstance(event, http_events.ResponseData | ReadEnded) else self._with_secrets(handled)

    def _is_for_us(self, event: http_events.RequestHeaders) -> bool:
        """Whether the client takes us for the server. In other modes it names the server in its request, or before."""
        if isinstance(self.context.client.proxy_mode, ReverseMode):
            return True
        return self.mode is not HTTPMode.transparent and not event.request.host

    def _take_from_response(self, event: http_events.ResponseHeaders) -> None:
        taken = header_secrets.take(event.response)
        if event.stream_id == self.stream_id:
            self._response_secrets = {**header_secrets.mask(event.response.headers, self._mask(is_error=True)), **taken}

    def _with_secrets(self, handled: CommandGenerator[None]) -> CommandGenerator[None]:
        for command in handled:
            if isinstance(command, commands.StartHook):
                self._before_hook(command)
            elif isinstance(command, SendHttp):
                if command.event.stream_id == self.stream_id:
                    yield from self._restore_secrets(command.event)
                if isinstance(command.event, http_events.RequestHeaders):
                    via_header.mark(command.event.request, via_header.marks(self.flow.request))
            yield command

    def _before_hook(self, hook: commands.StartHook) -> None:
        # The flow is made when the request's head is read, and the first hook is what comes next.
        if self._request_secrets:
            header_secrets.keep(self.flow, self._request_secrets)
            self._request_secrets = header_secrets.NOTHING
        if self._requested_host is not None:
            requested_host.keep(self.flow, self._requested_host)
            self._requested_host = None
        if isinstance(hook, hooks.HttpResponseHook) and hook.flow is self.flow:
            self._mask_body(self.flow)

    def _restore_secrets(self, event: http_events.HttpEvent) -> CommandGenerator[None]:
        if isinstance(event, http_events.RequestHeaders):
            known = header_secrets.of(self.flow)  # an addon may lead a live request elsewhere
            if self.flow.is_replay == "request":
                known = header_secrets.secrets_for(self.flow, event.request, self.context.server.sni)
            event.request, missing = header_secrets.restored(event.request, known)
            if missing:
                what = f"sent without {', '.join(sorted(missing))}: withheld, and not known for this address"
                yield commands.Log(f"{event.request.host}: {what}", WARNING)
        elif isinstance(event, http_events.ResponseHeaders):
            event.response, _ = header_secrets.restored(event.response, self._response_secrets)
            if self._masked_body and event.response.raw_content == self._masked_body[0]:
                event.response.raw_content = self._masked_body[1]
                if "content-length" in event.response.headers:
                    event.response.headers["content-length"] = str(len(self._masked_body[1]))
        elif isinstance(event, http_events.ResponseData) and self._masked_body and event.data == self._masked_body[0]:
            event.data = self._masked_body[1]

    def _mask(self, *, is_error: bool) -> Mask:
        return Mask(header_secrets.values(self.flow), is_error=is_error)

    def _mask_body(self, flow: http.HTTPFlow) -> None:
        response = flow.response
        if response is None or not response.raw_content or not header_secrets.of(flow):
            return
        real = response.raw_content
        body = response.get_content(strict=False) or b""
        masked = self._mask(is_error=response.status_code >= 400)(body)
        if masked is not body:
            response.content = masked
            self._masked_body = response.raw_content or b"", real
