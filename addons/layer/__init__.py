"""One request of a client, several attempts at a response: all that touches mitmproxy's internals is in here.

mitmproxy runs each request in an `HttpStream`. Ours has the addons choose, in the hook `next_attempt`, where to
send it; if none does, all goes mitmproxy's own way. Each attempt is a flow of its own with hooks of its own:

    client's flow    requestheaders  request  next_attempt       responseheaders        exchange_end  response | error
    attempt's flow         requestheaders  request  responseheaders  attempt_end  response | error

Until the response has content the client has read nothing, not even a status, so any failure leads to the next
`next_attempt`. After that, a failure becomes a clean end of the client's stream.

    patches.py            what of mitmproxy is replaced, and whether that fits
    last_resort.py        a clean end for whatever raises
    exchange_stream.py    the attempts: connect, send, read, fail
    attempt.py            one attempt's request and body
    client_stream.py      what the client reads, and whether it is still there
    timers.py             wake-ups; attempt_clock.py: the limits of time of an attempt
    request_size.py       a request is read to its limit
    credential_stream.py  no flow holds a secret; debug_log.py: no line of `proxy_debug` does
    http1.py              interim responses, trailers and heads without end
    proxy_errors.py       errors of mitmproxy's own, in JSON; http2.py: over HTTP/2
    write_coalescing.py   fewer system calls for all that passes
    hook_dispatch.py      fewer calls for all hooks
    message_checks.py     no garbage for all messages
"""

from mitmproxy.addonmanager import Loader

from addons.layer.patches import install
from addons.runtime import startup

__all__ = ["ExchangeLayer", "install"]


class ExchangeLayer:
    """An addon: with it the hooks of `addons.exchange.hooks` are there."""

    @startup.one_line()
    def load(self, loader: Loader) -> None:
        install()
