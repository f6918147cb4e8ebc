"""Which web pages may use the proxy: none but its own, and those that the user named.

A browser sends any page's requests to any address, 127.0.0.1 among them, and a page can have its own name resolve to
that address ("rebinding"). The page cannot choose what the browser says of it: `Origin`, `Sec-Fetch-Site`, and the name
in `Host`. Programs that are no browsers say nothing, or what is true.
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
_NOT_FROM_A_STRANGER = ("same-origin", "none")
_SHOWN = 80  # characters of what a stranger sent


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the user allowed beside loopback and the address that a client reached."""

    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()

    @classmethod
    def of(cls, hosts: Iterable[str], origins: Iterable[str]) -> Self:
        """Raises ValueError, which says what is wrong with which."""
        return cls(frozenset(map(_host, hosts)), frozenset(map(_origin, origins)))

    def is_origin(self, request: http.Request) -> bool:
        """Whether the request is of pages that were named."""
        said = request.headers.get_all("origin")
        return bool(said) and all(origin.lower() in self.origins for origin in said)

    def why_not(self, request: http.Request, names: Names | None, own: Iterable[str]) -> str | None:
        """Why a request is refused, for a person; None if it is not.

        `names` are the hosts that it was addressed to, None if that is not us; `own` are addresses of ours.
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
        found = _AUTHORITY.fullmatch(name)
        if found is None or not 0 < int(found[2] or 80) < 65536:
            return False
        host = found[1]
        is_reached = any(own_addresses.is_same(host, one) and not own_addresses.is_any(one) for one in own)
        return is_reached or own_addresses.is_loopback(host) or own_addresses.bare(host) in self.hosts

    def _foreign_origin(self, request: http.Request, names: Names) -> str | None:
        if self.is_origin(request):
            return None
        pages_of_ours = {f"{scheme}://{name.lower()}" for scheme in ("http", "https") for name in names}
        for origin in request.headers.get_all("origin"):
            if origin.lower() not in pages_of_ours:
                return _shown(origin)
        from_where = request.headers.get_all("sec-fetch-site")
        return next((_shown(site) for site in from_where if site.strip().lower() not in _NOT_FROM_A_STRANGER), None)


def permission(request: http.Request) -> dict[str, str]:
    """Headers that let the browser show an answer to the page, which must have been allowed before."""
    return {"access-control-allow-origin": request.headers.get_all("origin")[0], "vary": "origin"}


def preflight(request: http.Request) -> http.Response | None:
    """The answer to a browser that asks what an allowed page may send; None if it does not ask."""
    method = request.headers.get("access-control-request-method")
    if request.method != "OPTIONS" or method is None:
        return None
    wanted = {
        "access-control-allow-methods": method,
        "access-control-allow-headers": request.headers.get("access-control-request-headers", ""),
        "access-control-max-age": "600",
    }
    return http.Response.make(204, b"", {name: value for name, value in wanted.items() if value})


def _host(name: str) -> str:
    if "*" in name or (found := _AUTHORITY.fullmatch(name)) is None or found[2]:
        raise ValueError(f"allowed_hosts: {_shown(name)} is no host; write it as in box.lan, without a port")
    return own_addresses.bare(name)


def _origin(origin: str) -> str:
    parts = urlsplit(origin)
    if (
        not parts.scheme
        or not parts.netloc
        or parts.username
        or origin.lower() != f"{parts.scheme}://{parts.netloc}".lower()
    ):
        raise ValueError(f"allowed_origins: {_shown(origin)} is no origin; write it as in https://page.example")
    return origin.lower()


def _shown(text: str) -> str:
    """What a stranger sent, as one short line."""
    return ascii(text[:_SHOWN])
