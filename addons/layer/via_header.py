"""Requests that came from this very proxy: passed on, they would go round for ever.

All that leaves carries a mark in `Via`, as RFC 9110 asks of proxies: a pseudonym that only this process can know for
its own. It is another one each time, so nobody else can tell by it whose requests belong together; and a second proxy
of the same kind, in front of or behind this one, takes it for a stranger's and hands it on.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable

from mitmproxy import http

_KEY = secrets.token_bytes(32)
_MARK = re.compile(r"1\.1 ([0-9a-f]{16})([0-9a-f]{16})")


def mark(request: http.Request, came_with: Iterable[str]) -> None:
    """Marks a request that is about to be sent; `came_with` are the marks of the client's, see `marks`."""
    there = request.headers.get_all("via")
    handed_on = [mark for mark in came_with if mark not in there]
    nonce = secrets.token_hex(8)
    request.headers.set_all("via", [*there, *handed_on, f"1.1 {nonce}{_proof(nonce)}"])


def marks(request: http.Request) -> list[str]:
    """Those of proxies of our kind. What other proxies call themselves is nothing that an upstream should learn."""
    said = ",".join(request.headers.get_all("via")).split(",")
    return [mark.strip() for mark in said if _MARK.fullmatch(mark.strip())]


def came_from_us(request: http.Request) -> bool:
    found = (_MARK.fullmatch(mark) for mark in marks(request))
    return any(mark is not None and secrets.compare_digest(_proof(mark[1]), mark[2]) for mark in found)


def _proof(nonce: str) -> str:
    return hashlib.blake2b(nonce.encode(), key=_KEY, digest_size=8).hexdigest()
