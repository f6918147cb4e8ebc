"""Which key of a provider is behind an account, for people."""

from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from addons.routing.account import Account, fingerprint, last_four
from addons.routing.api_keys import KeyProblem
from addons.routing.router import Router


class PresentKey(NamedTuple):
    number: int
    """Among those of its provider, from 1."""

    last_four: str


def present_keys(router: Router, environ: Mapping[str, str]) -> dict[Account, PresentKey]:
    """All keys that are set now."""
    environ = dict(environ)  # a copy, since os.environ decodes at each access
    found: dict[Account, PresentKey] = {}
    for name, provider in router.providers.items():
        with suppress(KeyProblem):  # a key that cannot be read is not in use
            for number, used in enumerate(provider.keys(environ), 1):
                found[Account(name, fingerprint(used.key))] = PresentKey(number, last_four(used.key))
    return found
