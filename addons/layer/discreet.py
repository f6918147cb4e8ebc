"""Secrets of headers pass by the flows: taken out before any hook sees them, put back on the wire."""

from mitmproxy.proxy import events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import HttpStream, SendHttp
from mitmproxy.proxy.layers.http import _events as said

from addons import withheld


class DiscreetStream(HttpStream):
    """An `HttpStream` whose flow holds no credentials and no cookies, whichever way its request goes."""

    _asked = withheld.NOTHING
    _answered = withheld.NOTHING

    def handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, said.RequestHeaders):
            self._asked = withheld.take(event.request.headers)
        elif isinstance(event, said.ResponseHeaders):
            self._answered = withheld.take(event.response.headers)
        commands = super().handle_event(event)
        # Heads are sent when heads came or hooks are over: most events are pieces of a body, and are let through.
        has_secrets = bool(self._asked or self._answered)
        return self._with_secrets(commands) if has_secrets and not isinstance(event, said.ResponseData) else commands

    def _with_secrets(self, commands: CommandGenerator[None]) -> CommandGenerator[None]:
        for command in commands:
            # The flow is made when the request's head is read; before it and after its end come log lines at most.
            if "flow" in vars(self):
                withheld.keep(self.flow, self._asked)
            if isinstance(command, SendHttp):
                if isinstance(command.event, said.RequestHeaders):
                    command.event.request = withheld.restored(command.event.request, self._asked)
                elif isinstance(command.event, said.ResponseHeaders):
                    command.event.response = withheld.restored(command.event.response, self._answered)
            yield command
