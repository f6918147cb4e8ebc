"""What passes by the flows: secrets of headers, taken out before any hook sees them and put back on the wire, the names
under which the client addressed us, and the marks by which we know our own requests again.
"""

from mitmproxy.proxy import events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import HTTPMode, HttpStream, SendHttp
from mitmproxy.proxy.layers.http import _events as said
from mitmproxy.proxy.mode_specs import ReverseMode

from addons import authority, loops, withheld


class DiscreetStream(HttpStream):
    """An `HttpStream` whose flow holds no credentials and no cookies, whichever way its request goes."""

    _asked = withheld.NOTHING
    _answered = withheld.NOTHING
    _names: authority.Names | None = None

    def handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, said.RequestHeaders):
            self._asked = withheld.take(event.request.headers)
            self._names = authority.read(event.request) if self._is_for_us(event) else None
        elif isinstance(event, said.ResponseHeaders):
            self._answered = withheld.take(event.response.headers)
        commands = super().handle_event(event)
        # Heads are sent when heads came or hooks are over: most events are pieces of a body, and are let through.
        return commands if isinstance(event, said.ResponseData) else self._with_secrets(commands)

    def _is_for_us(self, event: said.RequestHeaders) -> bool:
        """Whether the client takes us for the server. In other modes it names the server in its request, or before."""
        if isinstance(self.context.client.proxy_mode, ReverseMode):
            return True
        return self.mode is not HTTPMode.transparent and not event.request.host

    def _with_secrets(self, commands: CommandGenerator[None]) -> CommandGenerator[None]:
        for command in commands:
            # The flow is made when the request's head is read; before it and after its end come log lines at most.
            if "flow" in vars(self):
                withheld.keep(self.flow, self._asked)
                if self._names is not None:
                    authority.keep(self.flow, self._names)
                    self._names = None
            if isinstance(command, SendHttp):
                if isinstance(command.event, said.RequestHeaders):
                    command.event.request = withheld.restored(command.event.request, self._asked)
                    loops.mark(command.event.request, loops.marks(self.flow.request))
                elif isinstance(command.event, said.ResponseHeaders):
                    command.event.response = withheld.restored(command.event.response, self._answered)
            yield command
