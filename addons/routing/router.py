"""Which provider serves a model: by the first matching route, by the lists of models, or by the name's prefix."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from addons.routing.api_keys import KeyProblem, MissingKey
from addons.routing.endpoint import ProviderEndpoint
from addons.routing.provider import Globs, Model, Names, Provider, checked_name, matches
from addons.routing.rate_limits import RateLimits
from addons.routing.table import Table
from converters.errors import RequestError

_GLOB_CHARACTERS = frozenset("*?[")


def _by_provider(model: Any) -> Any:
    names = list(model.values()) if isinstance(model, dict) else [model]
    if not all(isinstance(name, str) for name in names):
        raise ValueError("must be a name, or a table with a name for each provider")
    for name in names:
        checked_name(name)
    return model


class Retry(Table):
    """How much is tried for one request, where a route differs from the options `retry_attempts`, `retry_wait` and
    `retry_seconds`."""

    attempts: Annotated[int, Field(strict=True, ge=1)] | None = None
    wait: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] | None = None
    seconds: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] | None = None


type _Weight = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]


class Route(Table):
    """Some models and the providers that serve them, in order of preference.

    `model` is the name upstream, for all providers or by provider; by default the provider's list of models decides.
    `policy` says in which order they are tried (`addons/failover/choice.py`); `weights` are by provider, 1 by default.
    """

    models: Globs
    providers: Names = Field(min_length=1)
    model: Annotated[str | dict[str, str] | None, BeforeValidator(_by_provider)] = None
    policy: Literal["in-order", "fastest", "cheapest", "weighted"] = "in-order"
    weights: dict[str, _Weight] = Field(default_factory=dict)
    retry: Retry = Retry()
    limits: RateLimits | None = None

    @field_validator("weights")
    @classmethod
    def _are_used(cls, weights: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        if weights and info.data.get("policy") != "weighted":
            raise ValueError('have a meaning with policy = "weighted" alone')
        return weights

    def upstream_name(self, name: str, provider: Provider, requested: str) -> str:
        return self._configured_name(name) or provider.upstream_name(name, requested)

    def reaches(self, name: str, model: str) -> bool:
        """Whether a client can request this model of the provider by this route."""
        forms = (model, model.rpartition("/")[2])
        by_name = any(matches(self.models, form) for form in forms)
        return name in self.providers and (by_name or self._configured_name(name) == model)

    def _configured_name(self, provider: str) -> str | None:
        return self.model.get(provider) if isinstance(self.model, dict) else self.model


class Routed(NamedTuple):
    """Who can serve a model, in order of preference; nobody where it is empty."""

    endpoints: Sequence[ProviderEndpoint]
    route: Route | None = None
    """The one that says so."""


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model that clients can request now: its name for them, who serves it, and what is known of it."""

    slug: str
    endpoint: ProviderEndpoint
    model: Model


class Router:
    """The routes in order, and all providers by name in order of preference.

    `declared`: provider -> the models that the user's own file lists for it.
    """

    def __init__(
        self,
        routes: tuple[Route, ...],
        providers: Mapping[str, Provider],
        declared: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self.routes = routes
        self.providers = dict(providers)
        self.declared = dict(declared or {})

    def endpoints(self, model: str, environ: Mapping[str, str]) -> Sequence[ProviderEndpoint]:
        """Who can serve this model, see `routed`."""
        return self.routed(model, environ).endpoints

    def routed(self, model: str, environ: Mapping[str, str]) -> Routed:
        """Who can serve this model, and by which route.

        The first matching route alone decides. If there are no routes at all, the first provider that lists the model
        and has a key serves it. A model may also name its provider: `deepseek/deepseek-v4-pro`.

        Raises:
            MissingKey: a route matches, and none of its providers has a key.
            KeyProblem: a key is set and cannot be used.
        """
        for route in self.routes:
            if matches(route.models, model):
                return Routed(self._by_route(route, model, environ), route)
        return Routed(self._by_list(model, environ) or self._by_prefix(model, environ))

    def check_pass_through(self, model: str, environ: Mapping[str, str], host: str) -> None:
        """Checks that a model without endpoints may pass through to this host: it is the host's own, or unknown.

        Raises:
            MissingKey: providers are known that would serve it, and none has a key.
            KeyProblem: a key is set and cannot be used.
            RequestError: a provider could serve it, but the routes leave it out.
        """
        providers = self.providers.items()
        known = {name: provider for name, provider in providers if model in provider.models or _has_prefix(model, name)}
        if not known or any(provider.is_at(host) for provider in known.values()):
            return
        if usable := next((name for name, provider in known.items() if provider.has_key(environ)), None):
            raise RequestError(
                f"no route matches the model {model}: add one, or ask for {usable}/{model}", param="model"
            )
        raise MissingKey({name: provider.variables for name, provider in known.items()})

    def listed_models(self, environ: Mapping[str, str]) -> list[ListedModel]:
        """All models that can be requested by name now, in order; for a glob, those that its first provider lists."""
        names = self._routed_names(environ) if self.routes else self._provider_names(environ)
        return [listed_model for name in dict.fromkeys(names) if (listed_model := self._listed_model(name, environ))]

    def usable_providers(self, environ: Mapping[str, str]) -> list[str]:
        """The providers with a key among those of the routes; without routes, among those that list models."""
        routed = dict.fromkeys(name for route in self.routes for name in route.providers)
        candidates = routed or [name for name, provider in self.providers.items() if provider.models]
        return [name for name in candidates if _is_usable(self.providers[name], environ)]

    def _by_route(self, route: Route, model: str, environ: Mapping[str, str]) -> list[ProviderEndpoint]:
        usable = {name: self.providers[name] for name in route.providers if self.providers[name].has_key(environ)}
        if not usable:
            raise MissingKey({name: self.providers[name].variables for name in route.providers})
        return [
            provider.endpoint(name, route.upstream_name(name, provider, model), environ, model)
            for name, provider in usable.items()
        ]

    def _by_list(self, model: str, environ: Mapping[str, str]) -> list[ProviderEndpoint]:
        if self.routes:
            return []
        for name, provider in self.providers.items():
            if model in provider.models and provider.has_key(environ):
                return [provider.endpoint(name, model, environ)]
        return []

    def _by_prefix(self, model: str, environ: Mapping[str, str]) -> list[ProviderEndpoint]:
        name = model.partition("/")[0]
        provider = self.providers.get(name)
        if provider is None or not _has_prefix(model, name) or not provider.has_key(environ):
            return []
        return [provider.endpoint(name, provider.upstream_name(name, model), environ)]

    def _listed_model(self, name: str, environ: Mapping[str, str]) -> ListedModel | None:
        try:
            endpoints = self.endpoints(name, environ)
        except KeyProblem:
            return None
        if not endpoints:
            return None
        upstream = endpoints[0].upstream
        return ListedModel(
            name, endpoints[0], self.providers[upstream.provider_name].known(upstream.model, name) or Model()
        )

    def _routed_names(self, environ: Mapping[str, str]) -> Iterator[str]:
        for route in self.routes:
            provider = next((name for name in route.providers if _is_usable(self.providers[name], environ)), None)
            for glob in route.models:
                if not _GLOB_CHARACTERS & set(glob):
                    yield glob
                elif provider is not None:
                    yield from _matching(glob, self.providers[provider])

    def _provider_names(self, environ: Mapping[str, str]) -> Iterator[str]:
        for provider in self.providers.values():
            if provider.models and _is_usable(provider, environ):
                yield from provider.models


def _has_prefix(model: str, provider: str) -> bool:
    """Whether a model's name begins with the provider's, as in `deepseek/deepseek-v4-pro`."""
    return model.startswith(f"{provider}/") and len(model) > len(provider) + 1


def _is_usable(provider: Provider, environ: Mapping[str, str]) -> bool:
    try:
        return provider.has_key(environ)
    except KeyProblem:
        return False


def _matching(glob: str, provider: Provider) -> Iterator[str]:
    """The provider's models that match the glob, by full name or else by the part after the maker's name."""
    for name in provider.models:
        forms = (name, name.rpartition("/")[2])
        yield from [form for form in forms if matches((glob,), form)][:1]
