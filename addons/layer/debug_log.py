"""What mitmproxy's `proxy_debug` logs of each event, without what is private in it.

It would write down all bytes of both sides as they pass, credentials first; here it logs how many there were.
"""

import re
from typing import Any

from mitmproxy.proxy.layer import Layer

from addons.credentials import header_secrets

_BYTES = re.compile(r"""(?s)\bb(["']).*\1""")
_ADDRESS = re.compile(r"\?\S+")

_debug: Any = getattr(Layer, "_Layer__debug", None)


def debug(self: Layer, message: str) -> Any:
    """`Layer.__debug`, of a message that holds no secret."""
    return _debug(self, without_secrets(message))


def without_secrets(message: str) -> str:
    """An event's description: of bytes how many, of addresses no secret parameter."""
    shown = _BYTES.sub(lambda found: f"{len(found[0])} characters", message)
    return _ADDRESS.sub(lambda found: header_secrets.hidden_path(found[0]), shown)
