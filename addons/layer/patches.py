"""What of mitmproxy is ours from now on, and what must be there for that.

The stream layer is required, and so is what keeps secrets and crashes out: without its names nothing is installed. What
only makes things faster is left out where mitmproxy has changed, and the log has a warning.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import get_annotations
from types import ModuleType
from typing import Any

from mitmproxy import version
from mitmproxy.addonmanager import AddonManager
from mitmproxy.http import MessageData
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers import http as internals
from mitmproxy.proxy.layers.http import HttpLayer, HttpStream, _http1
from mitmproxy.proxy.layers.http._http1 import Http1Connection
from mitmproxy.proxy.layers.http._http2 import Http2Connection
from mitmproxy.proxy.server import ConnectionHandler

from addons.layer import (
    debug_log,
    hook_dispatch,
    http1,
    http2,
    message_checks,
    proxy_errors,
    server_connections,
    write_coalescing,
)
from addons.layer.exchange_stream import ExchangeStream
from addons.runtime import dependencies

logger = logging.getLogger(__name__)

type Owner = type | ModuleType
type Names = Mapping[Any, tuple[str, ...]]
"""Of each owner."""


@dataclass(frozen=True)
class Patch:
    """`owner.name` becomes `replacement`, which uses other names of mitmproxy's."""

    owner: Owner
    name: str
    replacement: Any
    uses: Names

    def missing(self) -> list[str]:
        return [*_missing({self.owner: (self.name,)}), *_missing(self.uses)]

    def apply(self) -> None:
        setattr(self.owner, self.name, self.replacement)


_STREAM: Names = {
    HttpStream: (
        "make_server_connection",
        "handle_protocol_error",
        "check_body_size",
        "start_request_stream",
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
}
_HTTP1: Names = {Http1Connection: ("read_headers", "read_body", "send", "wait", "done", "body_reader", "buf", "state")}
_HTTP2: Names = {Http2Connection: ("_handle_event", "is_closed", "is_open_for_us", "h2_conn")}

_REQUIRED = (
    Patch(internals, "HttpStream", ExchangeStream, _STREAM),
    Patch(internals, "Http1Client", http1.Http1Client, _HTTP1),
    Patch(internals, "Http1Server", http1.Http1Server, _HTTP1),
    Patch(internals, "Http2Server", http2.Http2Server, _HTTP2),
    Patch(_http1, "make_error_response", proxy_errors.serialized, {}),
    Patch(layer.Layer, "_Layer__debug", debug_log.debug, {}),
    Patch(ConnectionHandler, "open_connection", server_connections.open_connection, server_connections.USES),
)
_FASTER = (
    Patch(HttpLayer, "_handle_event", write_coalescing.handle_event, write_coalescing.USES),
    Patch(AddonManager, "trigger_event", hook_dispatch.trigger_event, hook_dispatch.USES),
)
_CHECKS = Patch(MessageData, "__post_init__", message_checks.check, {})  # python -O has no checks


def install() -> None:
    """Has mitmproxy use our stream for all requests from now on. Doing it twice is doing it once.

    Raises:
        RuntimeError: this mitmproxy is not one whose internals we know.
    """
    if incompatibility := _incompatibility(version.VERSION):
        raise RuntimeError(incompatibility)
    for patch in _REQUIRED:
        patch.apply()
    for patch in (*_FASTER, _CHECKS) if __debug__ else _FASTER:
        if missing := patch.missing():
            what = f"{_named(patch.owner, patch.name)}, since this mitmproxy lacks {', '.join(missing)}"
            logger.warning("transcodex is slower than it could be: it does without its own %s", what)
        else:
            patch.apply()


def _incompatibility(found: str) -> str | None:
    wanted = next(dependency for dependency in dependencies.dependencies() if dependency.startswith("mitmproxy"))
    missing = dict.fromkeys(name for patch in _REQUIRED for name in patch.missing())
    if dependencies.fits(wanted, found) and not missing:
        return None
    return f"transcodex needs {wanted}, this is {found}{f', which lacks {", ".join(missing)}' if missing else ''}"


def _missing(names: Names) -> list[str]:
    return [_named(owner, name) for owner, used in names.items() for name in used if not _has(owner, name)]


def _named(owner: Owner, name: str) -> str:
    return f"{owner.__name__}.{name}"


def _has(owner: Owner, name: str) -> bool:
    """As an attribute, or as one that its instances will have."""
    if hasattr(owner, name) or isinstance(owner, ModuleType):
        return hasattr(owner, name)
    return any(name in get_annotations(base) for base in owner.__mro__) or name in _set_in_init(owner)


def _set_in_init(owner: type) -> tuple[str, ...]:
    code = getattr(owner.__init__, "__code__", None)  # type: ignore[misc]  # of the class itself
    return code.co_names if code else ()
