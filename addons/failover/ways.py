"""The ways to have a request answered: each of its endpoints with each of its keys."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from addons.routing.account import Account
from addons.routing.endpoint import ProviderEndpoint


@dataclass(frozen=True, slots=True)
class Way:
    provider: str
    account: Account
    """By which ways are told apart."""

    endpoint: ProviderEndpoint = field(compare=False)
    key: str | None = field(compare=False, repr=False)
    """None where the provider needs none, or gets the client's own credentials."""


def ways(endpoints: Iterable[ProviderEndpoint]) -> list[Way]:
    """In the order of the endpoints and of their keys."""
    return [
        Way(endpoint.upstream.provider_name, endpoint.account(key), endpoint, key)
        for endpoint in endpoints
        for key in dict.fromkeys(endpoint.keys) or (None,)
    ]
