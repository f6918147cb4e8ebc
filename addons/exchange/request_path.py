"""The path of a request in one spelling, however the client spells it."""

import posixpath
import re
from urllib.parse import unquote

from mitmproxy import http

_RESPONSES = re.compile(r"/responses(/.*)?$")
"""With any prefix: a client's base URL may end in `/v1`, or in that of another service (`/backend-api/codex`)."""


def request_path(request: http.Request) -> str:
    """The path below the API version, without query: `/responses` for `/v1/responses?x=1`.

    It is normalised, since upstreams accept `//responses` and `/%72esponses` as well.
    """
    path = posixpath.normpath("/" + unquote(re.split(r"[?#;]", request.path, maxsplit=1)[0]).lower().lstrip("/"))
    responses = _RESPONSES.search(path)
    return responses[0] if responses else path.removeprefix("/v1")
