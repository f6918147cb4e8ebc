"""What a routes file means, in lines for people: what looks unintended in it, and where each model goes.

No line ever holds a key, only the names of variables.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from addons.routing import api_keys
from addons.routing.api_keys import KeyProblem
from addons.routing.provider import Provider, matches
from addons.routing.router import Route, Routes


def oddities(routes: Routes) -> list[str]:
    """What is allowed and hardly meant so: what nobody can ask for, credentials sent in the clear."""
    return [*_never_reached(routes.routes), *_never_offered(routes), *_in_the_clear(routes)]


def show(routes: Routes, environ: Mapping[str, str]) -> list[str]:
    """What may be asked for -> who answers in which order, how, and with which variable's key; a line each."""
    return list(_routed(routes, environ) if routes.routes else _listed(routes, environ))


def _never_reached(routes: tuple[Route, ...]) -> Iterator[str]:
    for i, route in enumerate(routes):
        for j, glob in enumerate(route.models):
            if i and any(matches(before.models, glob) for before in routes[:i]):
                yield f"routes[{i}].models[{j}]: never reached, a route before it takes all of '{glob}'"


def _never_offered(routes: Routes) -> Iterator[str]:
    for name, models in routes.declared.items() if routes.routes else ():
        missed = [model for model in models if not any(route.reaches(name, model) for route in routes.routes)]
        if missed:
            yield f"providers.{name}.models: no route leads to {', '.join(missed)}"


def _in_the_clear(routes: Routes) -> Iterator[str]:
    for name, provider in routes.providers.items():
        parts = urlsplit(provider.base_url)
        if parts.scheme == "http" and not _is_near(parts.hostname or "") and provider.sends_credentials():
            yield f"providers.{name}.base_url: credentials would travel unencrypted; use https"


def _is_near(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost" or "." not in host or host.endswith((".local", ".internal", ".lan"))


def _routed(routes: Routes, environ: Mapping[str, str]) -> Iterator[str]:
    for route in routes.routes:
        for name in route.providers:
            chosen = route.model.get(name) if isinstance(route.model, dict) else route.model
            who = f"{name} as {chosen}" if chosen else name
            yield f"{', '.join(route.models)} -> {who}: {_how(routes.providers[name], environ)}"


def _listed(routes: Routes, environ: Mapping[str, str]) -> Iterator[str]:
    """Those that can be asked first; of all the others, one line with what they lack."""
    lacking = []
    for name, provider in routes.providers.items():
        key = _key(provider, environ)
        if key.endswith(_MISSING):
            lacking.append(f"{name} ({key.removesuffix(_MISSING)})")
            continue
        yield f"{_asked(name, provider)} -> {name}: {_how(provider, environ)}"
    if lacking:
        yield f"no key is set for {', '.join(lacking)}"


_MISSING = " missing"
_MODELS_SHOWN = 3


def _asked(name: str, provider: Provider) -> str:
    shown = list(provider.models)[:_MODELS_SHOWN]
    more = len(provider.models) - len(shown)
    return ", ".join([*shown, *([f"{more} more"] if more else []), f"{name}/*"])


def _how(provider: Provider, environ: Mapping[str, str]) -> str:
    return f"{provider.protocol} at {provider.base_url}, {_key(provider, environ)}"


def _key(provider: Provider, environ: Mapping[str, str]) -> str:
    if not provider.needs_key():
        return "the client's own credentials" if provider.auth == "client" else "no key needed"
    try:
        able = [name for name in provider.key_env if api_keys.read((name,), environ)]
    except KeyProblem as problem:
        return str(problem)
    return f"{able[0]} set" if able else f"{' or '.join(provider.key_env)}{_MISSING}"
