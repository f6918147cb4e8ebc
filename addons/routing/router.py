"""Which provider answers which model: the routes decide, then what providers list, then what a name says itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import Field

from addons.routing.api_keys import KeyProblem, MissingKey
from addons.routing.endpoint import Target
from addons.routing.provider import Globs, Model, Names, Provider, Table, matches
from converters.errors import RequestError

_WILD = frozenset("*?[")


class Route(Table):
    """Some models, and who answers them: `providers` are tried in their order, those that have a key.

    `model` is the name upstream, for all providers or by provider; without it the provider's own list decides.
    """

    models: Globs
    providers: Names = Field(min_length=1)
    model: str | dict[str, str] | None = None

    def upstream_name(self, name: str, provider: Provider, asked: str) -> str:
        return self._chosen(name) or provider.upstream_name(name, asked)

    def reaches(self, name: str, model: str) -> bool:
        """Whether somebody can ask for this model of a provider's along this route."""
        forms = (model, model.rpartition("/")[2])
        by_name = any(matches(self.models, form) for form in forms)
        return name in self.providers and (by_name or self._chosen(name) == model)

    def _chosen(self, name: str) -> str | None:
        return self.model.get(name) if isinstance(self.model, dict) else self.model


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that can be asked for now: its name to the client, who would answer, and what is known of it."""

    slug: str
    target: Target
    model: Model


class Routes:
    """The routes in their order, and all providers by name in the order of preference.

    `declared`: the models of each provider that the user's own file lists.
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

    def targets(self, model: str, environ: Mapping[str, str]) -> list[Target]:
        """Who can answer this model, in the order to try them; none: nobody can.

        The first route that matches decides alone. Where there are no routes at all, the first provider that lists the
        model and has a key serves it. A model may also name its provider itself: `deepseek/deepseek-v4-pro`.

        Raises:
            MissingKey: a route matches, and none of its providers has a key.
            KeyProblem: a key is there and cannot be used.
        """
        for route in self.routes:
            if matches(route.models, model):
                return self._along(route, model, environ)
        return self._listed(model, environ) or self._named(model, environ)

    def check_pass_through(self, model: str, environ: Mapping[str, str], host: str) -> None:
        """That a model which nobody can answer may pass through to this host: it is the host's own, or unheard of.

        Raises:
            MissingKey: providers are known that would answer it, and none has a key.
            KeyProblem: a key is there and cannot be used.
            RequestError: a provider could answer it, but the routes leave it out.
        """
        known = {name: one for name, one in self.providers.items() if model in one.models or _names(model, name)}
        if not known or any(one.is_at(host) for one in known.values()):
            return
        if able := next((name for name, one in known.items() if one.has_key(environ)), None):
            raise RequestError(f"no route takes the model {model}: add one, or ask for {able}/{model}", param="model")
        raise MissingKey({name: one.key_env for name, one in known.items()})

    def offers(self, environ: Mapping[str, str]) -> list[Offer]:
        """All models that can be asked for by name now, in order; a glob stands for what its first provider lists."""
        slugs = self._routed(environ) if self.routes else self._all_listed(environ)
        return [offer for slug in dict.fromkeys(slugs) if (offer := self._offer(slug, environ))]

    def able(self, environ: Mapping[str, str]) -> list[str]:
        """The providers that answer models by name now: those of the routes, or those that list models, with a key."""
        routed = dict.fromkeys(name for route in self.routes for name in route.providers)
        asked = routed or [name for name, provider in self.providers.items() if provider.models]
        return [name for name in asked if _usable(self.providers[name], environ)]

    def names(self) -> list[str]:
        """The routes in one line each, for people."""
        return [f"{', '.join(route.models)} -> {', '.join(route.providers)}" for route in self.routes]

    def _along(self, route: Route, model: str, environ: Mapping[str, str]) -> list[Target]:
        able = {name: self.providers[name] for name in route.providers if self.providers[name].has_key(environ)}
        if not able:
            raise MissingKey({name: self.providers[name].key_env for name in route.providers})
        return [one.target(name, route.upstream_name(name, one, model), environ, model) for name, one in able.items()]

    def _listed(self, model: str, environ: Mapping[str, str]) -> list[Target]:
        if self.routes:
            return []
        for name, provider in self.providers.items():
            if model in provider.models and provider.has_key(environ):
                return [provider.target(name, model, environ)]
        return []

    def _named(self, model: str, environ: Mapping[str, str]) -> list[Target]:
        name = model.partition("/")[0]
        provider = self.providers.get(name)
        if provider is None or not _names(model, name) or not provider.has_key(environ):
            return []
        return [provider.target(name, provider.upstream_name(name, model), environ)]

    def _offer(self, slug: str, environ: Mapping[str, str]) -> Offer | None:
        try:
            targets = self.targets(slug, environ)
        except KeyProblem:
            return None
        if not targets:
            return None
        upstream = targets[0].upstream
        return Offer(slug, targets[0], self.providers[upstream.who].known(upstream.model, slug) or Model())

    def _routed(self, environ: Mapping[str, str]) -> Iterator[str]:
        for route in self.routes:
            able = next((name for name in route.providers if _usable(self.providers[name], environ)), None)
            for glob in route.models:
                if not _WILD & set(glob):
                    yield glob
                elif able is not None:
                    yield from _matching(glob, self.providers[able])

    def _all_listed(self, environ: Mapping[str, str]) -> Iterator[str]:
        for provider in self.providers.values():
            if provider.models and _usable(provider, environ):
                yield from provider.models


def _names(model: str, provider: str) -> bool:
    """Whether a model's name begins with the provider's, as in `deepseek/deepseek-v4-pro`."""
    return model.startswith(f"{provider}/") and len(model) > len(provider) + 1


def _usable(provider: Provider, environ: Mapping[str, str]) -> bool:
    try:
        return provider.has_key(environ)
    except KeyProblem:
        return False


def _matching(glob: str, provider: Provider) -> Iterator[str]:
    """The provider's models of this glob, by their full name, or else by the part after the maker's."""
    for name in provider.models:
        forms = (name, name.rpartition("/")[2])
        yield from [form for form in forms if matches((glob,), form)][:1]
