"""The providers of a soak: four routes, each with a provider of either protocol, each of these with several keys."""

from scripts.bench_load import PROTOCOLS

SILENT_AFTER = 3.0
"""Seconds that the routes grant an upstream between two bytes; a stalled one is silent for longer."""

BUDGETS = {"plain": 6, "limited": 6, "fastest": 5, "weighted": 4}
"""The most attempts for one exchange, by route."""

REFUSED_KEYS = {"plain-chat": 401, "plain-anthropic": 402}
"""These providers have a key more, to which they always answer so: it is parked, or cools for an hour."""

REFUSING_USAGE = "weighted-chat"
"""This provider knows no `stream_options`, which is to be learned."""

_GOOD_KEYS = 2


def slots(streams: int) -> int:
    """How many exchanges each provider of the route `limited` takes at once: fewer than there will be."""
    return max(2, streams // 20 * 2)


def protocol_of(provider: str) -> str:
    return provider.rpartition("-")[2]


def keys(provider: str) -> list[str]:
    return [f"{provider}-key-{number}" for number in range(1, _GOOD_KEYS + 1 + (provider in REFUSED_KEYS))]


def is_refused(provider: str, key: str) -> bool:
    return provider in REFUSED_KEYS and key == keys(provider)[-1]


def providers(route: str) -> list[str]:
    return [f"{route}-{protocol}" for protocol in PROTOCOLS]


def environment() -> dict[str, str]:
    """The keys of all providers."""
    return {_variable(provider): ",".join(keys(provider)) for route in BUDGETS for provider in providers(route)}


def routes_file(address: str, streams: int) -> str:
    tables = [_route(route) for route in BUDGETS]
    for route in BUDGETS:
        tables += [_provider(provider, address, slots(streams)) for provider in providers(route)]
    return "\n".join(tables)


def _variable(provider: str) -> str:
    return f"SOAK_{provider.upper().replace('-', '_')}_KEYS"


def _route(route: str) -> str:
    lines = ["[[routes]]", f'models = ["{route}"]', f"providers = {providers(route)}"]
    lines += [f"retry = {{ attempts = {BUDGETS[route]} }}"]
    lines += [f'policy = "{route}"'] if route in ("fastest", "weighted") else []
    return "\n".join([*lines, ""])


def _provider(provider: str, address: str, at_once: int) -> str:
    lines = [f"[providers.{provider}]", f'protocol = "{protocol_of(provider)}"', f'base_url = "{address}/{provider}"']
    lines += [f'key_env = ["{_variable(provider)}"]', f"first_byte = {SILENT_AFTER}", f"idle = {SILENT_AFTER}"]
    if provider == "limited-chat":
        lines.append(f"limits = {{ concurrent = {at_once} }}")
    elif provider == "limited-anthropic":
        lines.append(f"key_limits = {{ concurrent = {at_once // _GOOD_KEYS} }}")
    return "\n".join([*lines, ""])
