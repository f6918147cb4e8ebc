"""The routes file: TOML, merged over the shipped providers and validated strictly, so that typos are reported.

    [[routes]]                                   # the first match wins
    models    = ["deepseek-*"]                   # globs for the model that Codex requests
    providers = ["deepseek", "openrouter"]       # tried in this order; those without a key are left out
    model     = "deepseek-v4-pro"                # optional: the name upstream, or a table by provider
    policy    = "fastest"                        # optional: in-order, fastest, cheapest or weighted
    weights   = { deepseek = 3 }                 # optional, for `weighted`: 1 for all others
    retry     = { attempts = 3, wait = 5, seconds = 60 }    # optional: see the options retry_attempts, ...

    [providers.deepseek]                         # optional: merged over the shipped provider of this name
    base_url = "https://deepseek.example/v1"

The fields of a provider: `addons/routing/provider.py`.
"""

import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from addons.routing import config_errors
from addons.routing.api_keys import KeyProblem
from addons.routing.config_errors import ConfigError
from addons.routing.provider import Provider, checked_name
from addons.routing.report import warnings
from addons.routing.router import Route, Router
from converters.protocols import PROTOCOLS

__all__ = ["ConfigError", "KeyProblem", "Router", "check", "load", "parse"]

type Tables = dict[str, Any]

_SHIPPED = Path(__file__).with_name("providers.toml")


def load(path: Path | None) -> Router:
    """The router of a routes file and the shipped providers; without a file, of the shipped providers alone.

    Raises:
        ConfigError: the file is not valid; each line names a place in it.
        OSError: it cannot be read.
    """
    if path is None:
        return parse("")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError([f"not UTF-8: {error.reason} at byte {error.start}"]) from error
    if all(table in ([], {}) for table in _tables(text).values()):  # such as for a moment while an editor saves it
        raise ConfigError([f"{path}: is empty; leave out the option to run without a routes file"])
    return parse(text)


def parse(text: str) -> Router:
    """As `load`, for the text of a file."""
    tables = _tables(text)
    own_tables = _section(tables, "providers", {})
    own = {name: _own(name, table) for name, table in own_tables.items()}
    providers = _shipped() | own
    own_first = sorted(providers, key=lambda name: name in _shipped())
    routes = [_route(f"routes[{i}]", table, providers) for i, table in enumerate(_section(tables, "routes", []))]
    declared = {name: tuple(table.get("models", ())) for name, table in own_tables.items()}
    return Router(tuple(routes), {name: providers[name] for name in own_first}, declared)


def _tables(text: str) -> Tables:
    tables = _toml(text)
    config_errors.refuse_unknown(tables, ("routes", "providers"))
    return tables


def check(path: Path | None) -> list[str]:
    """For people: a line for each error in the file; if there is none, that it is good, and warnings."""
    try:
        router = load(path)
    except ConfigError as error:
        return error.lines
    except OSError as error:
        return [f"{path}: cannot be read ({type(error).__name__})"]
    return [f"{path or 'no routes file'}: good, with {len(router.routes)} routes", *warnings(router)]


def _toml(text: str) -> Tables:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"not TOML: {error}"]) from error
    except (ValueError, RecursionError) as error:  # thousands of digits or of brackets
        raise ConfigError([f"a number is too long, or brackets are nested too deep ({type(error).__name__})"]) from None


def _section[T: (list[Any], dict[str, Any])](tables: Tables, name: str, default: T) -> T:
    value = tables.get(name, default)
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


def _own(name: str, table: Any) -> Provider:
    at = f"providers.{name}"
    try:
        checked_name(name)
    except ValueError as error:
        raise ConfigError([f"{at}: its name {error}"]) from None
    return _merged_provider(at, name, table)


def _merged_provider(at: str, name: str, table: Any) -> Provider:
    base = _shipped_tables().get(name)
    if base is None or not isinstance(table, dict):
        return _provider(at, _with_standard(table))
    if "key_env" in table:  # a key for a server that needs none, none for one that needs it, or keys of one's own
        base = {key: value for key, value in base.items() if key not in ("auth", "key_env_else")}
    without_dialects = {key: base[key] for key in base if key not in ("dialect", "variants", "auth", "models")}
    _provider(at, without_dialects | table)  # so that an error in `table` is reported at its place there
    return _provider(at, _merged(base, table))


def _with_standard(table: Any) -> Any:
    """A provider whose dialect nobody knows: with what most take; what it refuses is learned."""
    match table:
        case {"protocol": str(protocol), **rest} if protocol in PROTOCOLS and "dialect" not in rest:
            return {**table, "dialect": dict(PROTOCOLS[protocol].dialect.STANDARD)}
        case _:
            return table


def _merged(base: Tables, table: Tables) -> Tables:
    """A user's table merged over the shipped one: `headers` and `models` by key, each model as well; the rest replaced.

    The user's dialect becomes the last variant but for the user's own, so that it holds for all models. If the user's
    protocol differs, the shipped dialect is dropped.
    """
    if table.get("protocol", base["protocol"]) != base["protocol"]:
        base = {key: value for key, value in base.items() if key not in ("dialect", "variants", "auth")}
    dialect = [{"models": ["*"], "dialect": table["dialect"]}] if "dialect" in table else []
    shipped = base.get("models", {})
    models = {name: shipped.get(name, {}) | model for name, model in table.get("models", {}).items()}
    merged = {"headers": base.get("headers", {}) | table.get("headers", {}), "models": shipped | models}
    variants = [*base.get("variants", []), *dialect, *table.get("variants", [])]
    return base | table | merged | {"dialect": base.get("dialect", {}), "variants": variants}


def _provider(at: str, table: Any) -> Provider:
    provider = config_errors.validated(Provider, table, at)
    _check_dialect(at, provider.protocol, provider.dialect)
    for i, variant in enumerate(provider.variants):
        _check_dialect(f"{at}.variants[{i}]", variant.protocol or provider.protocol, variant.dialect)
    return provider


def _check_dialect(at: str, protocol: str, flags: Tables) -> None:
    if protocol not in PROTOCOLS:
        raise ConfigError([f"{at}.protocol: {config_errors.unknown(protocol, PROTOCOLS)}"])
    config_errors.validated(PROTOCOLS[protocol].dialect, flags, f"{at}.dialect")


def _route(at: str, table: Any, providers: Mapping[str, Provider]) -> Route:
    route = config_errors.validated(Route, table, at)
    for i, name in enumerate(route.providers):
        if name not in providers:
            raise ConfigError([f"{at}.providers[{i}]: {config_errors.unknown(name, providers)}"])
    for name in route.model if isinstance(route.model, dict) else ():
        if name not in route.providers:
            raise ConfigError([f"{at}.model.{name}: {config_errors.unknown(name, route.providers)}"])
    for name in route.weights:
        if name not in route.providers:
            raise ConfigError([f"{at}.weights.{name}: {config_errors.unknown(name, route.providers)}"])
    return route
