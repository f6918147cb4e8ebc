"""The headers of an upstream's response that a client acts on, whoever converts its body.

Not `openai-model`: where it differs from the requested model, Codex warns its user of abuse.
"""

from mitmproxy import http

_NAMES = {"x-models-etag", "x-request-id", "x-reasoning-included", "openai-processing-ms"}
_FAMILIES = ("x-codex-", "x-ratelimit-")


def for_client(response: http.Response | None) -> dict[str, str]:
    headers = response.headers.items() if response else ()
    found = {name.lower(): value for name, value in headers}
    return {name: value for name, value in found.items() if name in _NAMES or name.startswith(_FAMILIES)}
