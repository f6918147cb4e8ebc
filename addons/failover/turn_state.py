"""The header `x-codex-turn-state`: Codex sends back what it got, until its turn is over.

So a turn stays with its provider and key, whose caches know it by then, and the proxy need not remember it. The value
is `tc1.PLACE.STATE`: PLACE names provider and key (by its fingerprint), STATE is what the upstream itself gave, which
goes back to that provider alone. It is set only where there is a choice, and what a client makes up is worth no more
than a preference among the ways that its request has anyway.
"""

import base64
import binascii
import json
import re
from typing import NamedTuple

from addons.routing.account import Account

_VERSION = "tc1"
_LONGEST = 8192
"""Characters of a whole value; a longer one is ignored."""

_STATE = re.compile(r"[ -~]*")


class TurnState(NamedTuple):
    account: Account
    upstream: str
    """What the upstream gave; empty where it gave nothing."""


def prefix(account: Account) -> str:
    """What a client's value begins with; the upstream's own follows."""
    place = json.dumps(account, separators=(",", ":")).encode()
    return f"{_VERSION}.{base64.urlsafe_b64encode(place).decode().rstrip('=')}."


def read(value: str | None) -> TurnState | None:
    """None for what no proxy of ours has written."""
    version, _, rest = (value or "")[: _LONGEST + 1].partition(".")
    place, dot, state = rest.partition(".")
    if version != _VERSION or not dot or len(value or "") > _LONGEST or not _STATE.fullmatch(state):
        return None
    try:
        match json.loads(base64.urlsafe_b64decode(place + "=" * (-len(place) % 4))):
            case [str(provider), str(key)]:
                return TurnState(Account(provider, key), state)
    except (binascii.Error, ValueError, RecursionError):
        pass
    return None
