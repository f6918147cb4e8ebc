"""A client's request: is it one for a model, which client sends it, and what is its decoded body?"""

import re

from mitmproxy import http

from addons.exchange import content_encoding
from addons.exchange.request_path import request_path
from converters.errors import Client

_RESPONSES = {"/responses": False, "/responses/compact": True}
"""endpoint -> whether the client wants a compaction."""

_VERSION = re.compile(r"[^/]+/(\d{1,9})\.(\d{1,9})\.\d")


def client_of(request: http.Request) -> Client:
    """Codex marks its requests, whatever program it runs in; its version stands first in `user-agent`."""
    is_codex = any(name.lower().startswith("x-codex-") for name in request.headers) or request.headers.get(
        "originator", ""
    ).startswith("codex")
    if not is_codex:
        return "other"
    version = _VERSION.match(request.headers.get("user-agent", ""))
    is_older = version is not None and tuple(map(int, version.groups())) < (0, 169)
    # A request for no stream (older ones' compaction) must get its error as a status.
    return "older-codex" if is_older and "event-stream" in request.headers.get("accept", "") else "codex"


def decoded(request: http.Request, limit_mib: int) -> bytes:
    """The request's body, freed from content encoding.

    Raises:
        content_encoding.Undecodable: corrupt, too large, or in an encoding that nobody knows.
    """
    encoding = request.headers.get("content-encoding", "")
    return content_encoding.decode(request.raw_content or b"", encoding, limit=limit_mib * 2**20)


def is_model_request(request: http.Request) -> bool:
    return request.method == "POST" and request_path(request) in _RESPONSES


def wants_compaction(request: http.Request) -> bool:
    return _RESPONSES[request_path(request)]


def is_below_responses(request: http.Request) -> bool:
    return (request_path(request) + "/").startswith("/responses/")
