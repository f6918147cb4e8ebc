"""By which names a client addressed the proxy. A flow does not tell: mitmproxy writes the reverse target's name over
them before any hook sees the request.
"""

from weakref import WeakKeyDictionary

from mitmproxy import http

type Names = tuple[str, ...]
"""As they came, whatever they are; several Host headers are one name that is none."""

_of_flow: WeakKeyDictionary[http.HTTPFlow, Names] = WeakKeyDictionary()


def read(request: http.Request) -> Names:
    """The names in a request that has just come: its Host header, and the authority of HTTP/2 or of a whole address."""
    hosts = ", ".join(request.headers.get_all("host"))
    return tuple(name for name in (hosts, request.data.authority.decode("ascii", "replace")) if name)


def keep(flow: http.HTTPFlow, names: Names) -> None:
    _of_flow[flow] = names


def names(flow: http.HTTPFlow) -> Names | None:
    """None: the client spoke to another host, and we only stand between."""
    return _of_flow.get(flow)
