"""Detects request loops by the `Via` header: requests that this very proxy has sent must not be forwarded again.

Every request that is sent carries a pseudonym in `Via` (RFC 9110, 7.6.3), which only this process can recognize as its
own. It differs for each request, so that nobody else can link requests by it. A second proxy of the same kind does not
recognize it, and forwards it.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable

from mitmproxy import http

_KEY = secrets.token_bytes(32)
_PSEUDONYM = re.compile(r"1\.1 ([0-9a-f]{16})([0-9a-f]{16})")


def mark(request: http.Request, received: Iterable[str]) -> None:
    """Marks a request that is about to be sent. `received`: the `marks` of the client's request, which are kept."""
    present = request.headers.get_all("via")
    forwarded = [mark for mark in received if mark not in present]
    nonce = secrets.token_hex(8)
    request.headers.set_all("via", [*present, *forwarded, f"1.1 {nonce}{_signature(nonce)}"])


def marks(request: http.Request) -> list[str]:
    """The marks of proxies of this kind. Other proxies' names are not for the upstream to learn."""
    entries = ",".join(request.headers.get_all("via")).split(",")
    return [entry.strip() for entry in entries if _PSEUDONYM.fullmatch(entry.strip())]


def came_from_us(request: http.Request) -> bool:
    matches = (_PSEUDONYM.fullmatch(mark) for mark in marks(request))
    return any(match is not None and secrets.compare_digest(_signature(match[1]), match[2]) for match in matches)


def _signature(nonce: str) -> str:
    return hashlib.blake2b(nonce.encode(), key=_KEY, digest_size=8).hexdigest()
