"""The host names by which a client addressed the proxy.

The flow does not have them: mitmproxy overwrites them with the reverse target's before any hook sees the request.
"""

from weakref import WeakKeyDictionary

from mitmproxy import http

type Names = tuple[str, ...]
"""Unchecked, as received. Several Host headers are joined into one name, which is then invalid."""

_names_by_flow: WeakKeyDictionary[http.HTTPFlow, Names] = WeakKeyDictionary()


def read(request: http.Request) -> Names:
    """The names in a request as received: its Host header, and the authority of HTTP/2 or of an absolute URL."""
    hosts = ", ".join(request.headers.get_all("host"))
    return tuple(name for name in (hosts, request.data.authority.decode("ascii", "replace")) if name)


def keep(flow: http.HTTPFlow, names: Names) -> None:
    _names_by_flow[flow] = names


def names(flow: http.HTTPFlow) -> Names | None:
    """None if the request is addressed to another host, for which this is a forward proxy."""
    return _names_by_flow.get(flow)
