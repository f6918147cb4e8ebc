"""Which web pages may use the proxy: its own, and those that the user named.

Browsers send requests of any page to any address, 127.0.0.1 included, and a page's own host name may resolve to that
address (DNS rebinding). But a page cannot choose the headers that identify it: `Origin`, `Sec-Fetch-Site` and `Host`.
Other programs do not send the first two.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from mitmproxy import http

from addons.layer.requested_host import Names
from addons.routing import own_addresses

_AUTHORITY = re.compile(
    r"(\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_.])?)(?::(\d{1,5}))?", re.IGNORECASE | re.ASCII
)
_TRUSTED_FETCH_SITES = ("same-origin", "none")
_MAX_SHOWN = 80  # characters of a header in an error


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the user has allowed, beside loopback and the proxy's own addresses."""

    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()

    @classmethod
    def of(cls, hosts: Iterable[str], origins: Iterable[str]) -> Self:
        """Raises ValueError, which names the option and the invalid value."""
        return cls(frozenset(map(_host, hosts)), frozenset(map(_origin, origins)))

    def is_origin(self, request: http.Request) -> bool:
        """Whether the request comes from a page that the user named."""
        origins = request.headers.get_all("origin")
        return bool(origins) and all(origin.lower() in self.origins for origin in origins)

    def why_not(self, request: http.Request, names: Names | None, own: Iterable[str]) -> str | None:
        """The reason for which a request is refused; None if it is allowed.

        `names`: the hosts that it is addressed to, None if to another server; `own`: the proxy's own addresses.
        """
        if names is not None and (foreign := self._foreign_host(names, tuple(own))) is not None:
            return f"the host {foreign} is not this proxy's; name it in the option allowed_hosts if it should be"
        if (foreign := self._foreign_origin(request, names or ())) is not None:
            return f"a web page ({foreign}) may not use this proxy; name it in the option allowed_origins if it should"
        return None

    def _foreign_host(self, names: Names, own: tuple[str, ...]) -> str | None:
        if not names:
            return "(none)"
        return next((_shown(name) for name in names if not self._is_own(name, own)), None)

    def _is_own(self, name: str, own: tuple[str, ...]) -> bool:
        authority = _AUTHORITY.fullmatch(name)
        if authority is None or not 0 < int(authority[2] or 80) < 65536:
            return False
        host = authority[1]
        is_own_address = any(
            own_addresses.is_same(host, own_host) and not own_addresses.is_any(own_host) for own_host in own
        )
        return is_own_address or own_addresses.is_loopback(host) or own_addresses.bare(host) in self.hosts

    def _foreign_origin(self, request: http.Request, names: Names) -> str | None:
        if self.is_origin(request):
            return None
        own_origins = {f"{scheme}://{name.lower()}" for scheme in ("http", "https") for name in names}
        for origin in request.headers.get_all("origin"):
            if origin.lower() not in own_origins:
                return _shown(origin)
        sites = request.headers.get_all("sec-fetch-site")
        return next((_shown(site) for site in sites if site.strip().lower() not in _TRUSTED_FETCH_SITES), None)


def permission(request: http.Request) -> dict[str, str]:
    """CORS headers that let an allowed page read the response."""
    return {"access-control-allow-origin": request.headers.get_all("origin")[0], "vary": "origin"}


def preflight(request: http.Request) -> http.Response | None:
    """The response to a CORS preflight request of an allowed page; None if it is no such request."""
    method = request.headers.get("access-control-request-method")
    if request.method != "OPTIONS" or method is None:
        return None
    headers = {
        "access-control-allow-methods": method,
        "access-control-allow-headers": request.headers.get("access-control-request-headers", ""),
        "access-control-max-age": "600",
    }
    return http.Response.make(204, b"", {name: value for name, value in headers.items() if value})


def _host(name: str) -> str:
    if "*" in name or (authority := _AUTHORITY.fullmatch(name)) is None or authority[2]:
        raise ValueError(f"allowed_hosts: {_shown(name)} is not a host; write it as in box.lan, without a port")
    return own_addresses.bare(name)


def _origin(origin: str) -> str:
    parts = urlsplit(origin)
    if (
        not parts.scheme
        or not parts.netloc
        or parts.username
        or origin.lower() != f"{parts.scheme}://{parts.netloc}".lower()
    ):
        raise ValueError(f"allowed_origins: {_shown(origin)} is not an origin; write it as in https://page.example")
    return origin.lower()


def _shown(text: str) -> str:
    """A foreign text as one short line."""
    return ascii(text[:_MAX_SHOWN])
