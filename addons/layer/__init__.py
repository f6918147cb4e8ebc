"""One request of a client, several attempts to have it answered: all that touches mitmproxy's internals is in here.

mitmproxy runs each request in an `HttpStream`. Ours asks the addons, by the hook `next_attempt`, where to send it; with
no word from them all goes mitmproxy's own way. Each attempt is a flow of its own with hooks of its own:

    client's flow     requestheaders  request  next_attempt              responseheaders             response | error
    attempt's flow                    requestheaders  request  (sent)  responseheaders   response | error

Until the answer has something to say the client has read nothing, not even a status, so any failure leads to the next
`next_attempt`. After that, a failure becomes a clean end of the client's stream.

    last_resort.py  an end for all that raises
    stream.py       the attempts: connect, send, read, fail
    timers.py       wake-ups; clock.py: the limits of time of an attempt
    http1.py        interim answers, trailers and heads without end
    one_write.py    fewer system calls for all that passes
    hooks.py        fewer calls for all hooks
    messages.py     no garbage for all messages
    client_side.py  what the client reads, and whether it is still there
    request_size.py a request is read to its limit
    discreet.py     no flow holds a secret
    debug_log.py    no line of `proxy_debug` does
    attempt.py      one attempt's request and body
"""

from inspect import get_annotations

from mitmproxy import version
from mitmproxy.addonmanager import AddonManager
from mitmproxy.http import MessageData
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers import http as internals
from mitmproxy.proxy.layers.http import HttpLayer, HttpStream
from mitmproxy.proxy.layers.http._http1 import Http1Connection

from addons.layer import debug_log, hooks, http1, messages, one_write
from addons.layer.stream import ExchangeStream, NextAttemptHook

__all__ = ["NextAttemptHook", "install"]

_RELIED_ON: dict[type, tuple[str, ...]] = {
    HttpStream: (
        "make_server_connection",
        "handle_protocol_error",
        "check_body_size",
        "state_wait_for_request_headers",
        "state_consume_request_body",
        "state_stream_request_body",
        "request_body_buf",
        "check_killed",
        "send_response",
        "state_done",
        "state_errored",
        "_handle_event",
        "_paused",
        "_paused_event_queue",
    ),
    HttpLayer: ("make_stream", "streams", "connections", "waiting_for_establishment"),
    Http1Connection: ("read_headers", "read_body", "send", "done", "body_reader", "buf", "state"),
    Layer: ("_Layer__debug",),
    AddonManager: ("invoke_addon", "trigger_event"),
}


def install() -> None:
    """Has mitmproxy use our stream for all requests from now on. Doing it twice is doing it once.

    Raises:
        RuntimeError: this mitmproxy is not the one whose internals we know.
    """
    if misfit := _misfit(version.VERSION, _RELIED_ON):
        raise RuntimeError(misfit)
    HttpLayer._handle_event = one_write.handle_event  # type: ignore[method-assign]  # these are the point
    if __debug__:
        MessageData.__post_init__ = messages.check  # type: ignore[method-assign]
    Layer._Layer__debug = debug_log.debug  # type: ignore[attr-defined]
    AddonManager.trigger_event = hooks.trigger_event  # type: ignore[method-assign]
    internals.HttpStream = ExchangeStream  # type: ignore[misc]
    for end in (http1.Http1Client, http1.Http1Server):
        setattr(internals, end.__name__, end)


def _misfit(found: str, relied_on: dict[type, tuple[str, ...]]) -> str | None:
    missing = [
        f"{owner.__name__}.{name}" for owner, names in relied_on.items() for name in names if not _has(owner, name)
    ]
    if found.startswith("12.2.") and not missing:
        return None
    why = f", which lacks {', '.join(missing)}" if missing else ""
    return f"transcodex needs mitmproxy 12.2, this is {found}{why}"


def _has(owner: type, name: str) -> bool:
    return hasattr(owner, name) or any(name in get_annotations(base) for base in owner.__mro__)
