"""Describes a routes file for people: warnings, and which provider serves each model.

No line ever holds a key: only names of variables, and a key's last four characters where keys are asked for.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from addons.routing.account import last_four
from addons.routing.api_keys import KeyProblem
from addons.routing.provider import Provider, matches
from addons.routing.router import Route, Router


def warnings(router: Router) -> list[str]:
    """What is valid and hardly intended: models that cannot be requested, credentials sent unencrypted."""
    return [*_unreachable_globs(router.routes), *_unrouted_models(router), *_unencrypted(router)]


def describe(router: Router, environ: Mapping[str, str]) -> list[str]:
    """A line for each route and provider: models -> provider, its address, and whether its key is set."""
    return list(_routed(router, environ) if router.routes else _listed(router, environ))


def describe_keys(router: Router, environ: Mapping[str, str]) -> list[str]:
    """A line for each key that is set: its provider, its last four characters, and the variable that it came from."""
    return [line for name, provider in router.providers.items() for line in _keys(name, provider, environ)]


def _keys(name: str, provider: Provider, environ: Mapping[str, str]) -> list[str]:
    try:
        return [f"{name}: {last_four(found.key)} from {found.variable}" for found in provider.keys(environ)]
    except KeyProblem as problem:
        return [f"{name}: {problem}"]


def _unreachable_globs(routes: tuple[Route, ...]) -> Iterator[str]:
    for i, route in enumerate(routes):
        for j, glob in enumerate(route.models):
            if i and any(matches(before.models, glob) for before in routes[:i]):
                yield f"routes[{i}].models[{j}]: never reached, a route before it takes all of '{glob}'"


def _unrouted_models(router: Router) -> Iterator[str]:
    for name, models in router.declared.items() if router.routes else ():
        unrouted = [model for model in models if not any(route.reaches(name, model) for route in router.routes)]
        if unrouted:
            yield f"providers.{name}.models: no route leads to {', '.join(unrouted)}"


def _unencrypted(router: Router) -> Iterator[str]:
    for name, provider in router.providers.items():
        parts = urlsplit(provider.base_url)
        if parts.scheme == "http" and not _is_local_network(parts.hostname or "") and provider.sends_credentials():
            yield f"providers.{name}.base_url: credentials would travel unencrypted; use https"


def _is_local_network(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost" or "." not in host or host.endswith((".local", ".internal", ".lan"))


def _routed(router: Router, environ: Mapping[str, str]) -> Iterator[str]:
    for route in router.routes:
        for name in route.providers:
            upstream_name = route.model.get(name) if isinstance(route.model, dict) else route.model
            provider = f"{name} as {upstream_name}" if upstream_name else name
            yield f"{', '.join(route.models)} -> {provider}: {_address_and_key(router.providers[name], environ)}"


def _listed(router: Router, environ: Mapping[str, str]) -> Iterator[str]:
    """A line for each provider that can be used; one for all the others, with the variables they need."""
    without_key = []
    for name, provider in router.providers.items():
        key = _key_state(provider, environ)
        if key.endswith(_MISSING):
            without_key.append(f"{name} ({key.removesuffix(_MISSING)})")
            continue
        yield f"{_model_names(name, provider)} -> {name}: {_address_and_key(provider, environ)}"
    if without_key:
        yield f"no key is set for {', '.join(without_key)}"


_MISSING = " missing"
_MAX_MODELS_SHOWN = 3


def _model_names(name: str, provider: Provider) -> str:
    shown = list(provider.models)[:_MAX_MODELS_SHOWN]
    more = len(provider.models) - len(shown)
    return ", ".join([*shown, *([f"{more} more"] if more else []), f"{name}/*"])


def _address_and_key(provider: Provider, environ: Mapping[str, str]) -> str:
    return f"{provider.protocol} at {provider.base_url}, {_key_state(provider, environ)}"


def _key_state(provider: Provider, environ: Mapping[str, str]) -> str:
    if not provider.needs_key():
        return "the client's own credentials" if provider.auth == "client" else "no key needed"
    try:
        found = provider.keys(environ)
    except KeyProblem as problem:
        return str(problem)
    if not found:
        return f"{' or '.join(provider.variables)}{_MISSING}"
    variables = ", ".join(dict.fromkeys(key.variable for key in found))
    return f"{variables} set" if len(found) == 1 else f"{variables} set, {len(found)} keys"
