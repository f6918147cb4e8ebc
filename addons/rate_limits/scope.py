"""Whose limits a request is under: those of a provider, of its key, of a route."""

from dataclasses import dataclass

from addons.routing.account import last_four
from addons.routing.endpoint import ProviderEndpoint
from addons.routing.rate_limits import RateLimits

_BYTES_PER_TOKEN = 4
"""As a rule of thumb; what was really used is settled afterwards."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Limits that all requests of the same `name` share."""

    name: str
    """What is used is kept under it. It holds no key."""

    limits: RateLimits
    label: str
    """For people: `the provider acme`."""


def scopes(endpoint: ProviderEndpoint, key: str | None = None) -> tuple[Scope, ...]:
    """Those of an endpoint and one of its keys, by default the first; empty where it has no limits."""
    provider, used_key = endpoint.upstream.provider_name, key or endpoint.key
    found = []
    if endpoint.limits is not None:
        found.append(Scope(f"provider {provider}", endpoint.limits, f"the provider {provider}"))
    if endpoint.key_limits is not None and used_key:
        fingerprint = endpoint.account(used_key).key
        label = f"the key {last_four(used_key)} of {provider}"
        found.append(Scope(f"key {provider} {fingerprint}", endpoint.key_limits, label))
    return tuple(found)


def route_scope(name: str, limits: RateLimits) -> Scope:
    """Of a route, which `name` tells from the others: its globs."""
    return Scope(f"route {name}", limits, f"the route {name}")


def estimated_tokens(body: bytes) -> int:
    """About as many as a request will use."""
    return len(body) // _BYTES_PER_TOKEN
