"""The routes file: TOML over the shipped providers, read strictly, so that a typo is told and not ignored.

    [[routes]]                                   # the first that matches wins
    models    = ["deepseek-*"]                   # globs over the model that Codex asks for
    providers = ["deepseek", "openrouter"]       # tried in this order, those that have a key
    model     = "deepseek-v4-pro"                # optional: the name upstream, or a table by provider

    [providers.deepseek]                         # optional here: merged over the shipped one of this name
    base_url = "https://deepseek.example/v1"

What a provider may hold: `addons/routing/provider.py`.
"""

import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from addons.routing import config_errors
from addons.routing.api_keys import KeyProblem, MissingKey
from addons.routing.config_errors import ConfigError
from addons.routing.endpoint import Target
from addons.routing.provider import Provider
from addons.routing.report import oddities, show
from addons.routing.router import Offer, Route, Routes
from converters.protocols import PROTOCOLS

__all__ = ["ConfigError", "KeyProblem", "MissingKey", "Offer", "Routes", "Target", "check", "load", "parse", "show"]

type Tables = dict[str, Any]

_SHIPPED = Path(__file__).with_name("providers.toml")


def load(path: Path | None) -> Routes:
    """The routes of a file over the shipped providers; without a file, the shipped providers alone.

    Raises:
        ConfigError: the file is no TOML, or says something that cannot be; each line names the place.
        OSError: it cannot be read.
    """
    if path is None:
        return parse("")
    try:
        routes = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError([f"not UTF-8: {error.reason} at byte {error.start}"]) from error
    if not _toml(routes):  # as it is for a moment while somebody saves it
        raise ConfigError([f"{path}: says nothing; leave out the option to do without a file"])
    return parse(routes)


def parse(text: str) -> Routes:
    """As `load`, of the file's text."""
    data = _toml(text)
    config_errors.refuse_unknown(data, ("routes", "providers"))
    providers = _shipped() | _own(_table(data, "providers", {}))
    own_first = sorted(providers, key=lambda name: name in _shipped())
    routes = [_route(f"routes[{i}]", one, providers) for i, one in enumerate(_table(data, "routes", []))]
    declared = {name: tuple(table.get("models", ())) for name, table in _table(data, "providers", {}).items()}
    return Routes(tuple(routes), {name: providers[name] for name in own_first}, declared)


def check(path: Path | None) -> list[str]:
    """For people: what is wrong with the file, a line for each place; else that it is good, and what is odd in it."""
    try:
        routes = load(path)
    except ConfigError as error:
        return error.lines
    except OSError as error:
        return [f"{path}: cannot be read ({type(error).__name__})"]
    return [f"{path or 'no routes file'}: good, with {len(routes.routes)} routes", *oddities(routes)]


def _toml(text: str) -> Tables:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"not TOML: {error}"]) from error
    except (ValueError, RecursionError) as error:  # of a number with thousands of digits, of thousands of brackets
        raise ConfigError(
            [f"a number that is too long, or brackets that are too deep ({type(error).__name__})"]
        ) from None


def _table[T: (list[Any], dict[str, Any])](data: Tables, name: str, default: T) -> T:
    value = data.get(name, default)
    if not isinstance(value, type(default)):
        form = "[[routes]]" if isinstance(default, list) else "[providers.NAME]"
        raise ConfigError([f"{name}: must be written as {form}"])
    return value


@functools.cache
def _shipped_tables() -> Tables:
    tables: Tables = _toml(_SHIPPED.read_text(encoding="utf-8"))["providers"]
    return tables


@functools.cache
def _shipped() -> dict[str, Provider]:
    return {name: _provider(f"providers.{name}", table) for name, table in _shipped_tables().items()}


def _own(tables: Tables) -> dict[str, Provider]:
    return {name: _merged_provider(f"providers.{name}", name, table) for name, table in tables.items()}


def _merged_provider(at: str, name: str, table: Any) -> Provider:
    base = _shipped_tables().get(name)
    if base is None or not isinstance(table, dict):
        return _provider(at, table)
    _provider(at, _without_dialects(base) | table)  # first alone, so that a mistake is told where it was written
    return _provider(at, _merged(base, table))


def _without_dialects(table: Tables) -> Tables:
    return {key: value for key, value in table.items() if key not in ("dialect", "variants", "auth", "models")}


def _merged(base: Tables, table: Tables) -> Tables:
    """A user's table over the shipped one: tables by key, the rest replaced.

    The user's flags go last, behind the shipped variants: what a user says holds for all models. Another protocol takes
    nothing of the shipped dialect.
    """
    if "key_env" in table:  # a key for a server that needs none, or none for one that does
        base = {key: value for key, value in base.items() if key != "auth"}
    if table.get("protocol", base["protocol"]) != base["protocol"]:
        base = {key: value for key, value in base.items() if key not in ("dialect", "variants", "auth")}
    said = [{"models": ["*"], "dialect": table["dialect"]}] if "dialect" in table else []
    merged = {key: base.get(key, {}) | table.get(key, {}) for key in ("headers", "models")}
    variants = [*base.get("variants", []), *said, *table.get("variants", [])]
    return base | table | merged | {"dialect": base.get("dialect", {}), "variants": variants}


def _provider(at: str, table: Any) -> Provider:
    provider = config_errors.validated(Provider, table, at)
    _dialect(f"{at}.dialect", provider.protocol, provider.dialect, f"{at}.protocol")
    for i, variant in enumerate(provider.variants):
        here = f"{at}.variants[{i}]"
        _dialect(f"{here}.dialect", variant.protocol or provider.protocol, variant.dialect, f"{here}.protocol")
    return provider


def _dialect(at: str, protocol: str, flags: Tables, protocol_at: str) -> None:
    if protocol not in PROTOCOLS:
        raise ConfigError([f"{protocol_at}: {config_errors.unknown(protocol, PROTOCOLS)}"])
    config_errors.validated(PROTOCOLS[protocol].dialect, flags, at)


def _route(at: str, table: Any, providers: Mapping[str, Provider]) -> Route:
    route = config_errors.validated(Route, table, at)
    for i, name in enumerate(route.providers):
        if name not in providers:
            raise ConfigError([f"{at}.providers[{i}]: {config_errors.unknown(name, providers)}"])
    for name in route.model if isinstance(route.model, dict) else ():
        if name not in route.providers:
            raise ConfigError([f"{at}.model.{name}: {config_errors.unknown(name, route.providers)}"])
    return route
