"""A provider as TOML: its base URL, key variables, protocol, dialect and models.

[providers.deepseek]
protocol = "chat"                            # a row of converters/protocols.py
base_url = "https://api.deepseek.com"
key_env  = ["DEEPSEEK_API_KEY"]              # variables, all of whose keys are used: addons/routing/api_keys.py
dialect  = { reasoning_back = "exact" }      # flags of converters/chat/dialect.py
models   = { "deepseek-v4-pro" = { context = 1_000_000, output = 384_000, price = { input = 0.5, output = 0.9 } } }
limits   = { requests_per_minute = 60, tokens_per_minute = 100_000, concurrent = 4, daily_usd = 10 }

[[providers.deepseek.variants]]              # differences of some models; all that match apply, in order
models   = ["deepseek-chat"]
dialect  = { effort = "none" }

A provider without key_env gets no credentials, unless it has `auth = "client"`: then it gets the client's own.
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from addons.routing import api_keys
from addons.routing.api_keys import FoundKey
from addons.routing.endpoint import CONNECT, FIRST_BYTE, IDLE, PROGRESS, WHOLE, Auth, ProviderEndpoint, normalised
from addons.routing.price import Price
from addons.routing.rate_limits import RateLimits
from addons.routing.table import Table
from converters.dialect import Dialect, Effort
from converters.protocols import PROTOCOLS, Upstream

_WITHOUT_KEY = ("client", "none")

_RESERVED_HEADERS = {  # which the proxy sets itself
    *("authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"),
    *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
    *("host", "content-length", "content-encoding", "content-type", "accept-encoding"),
}


_CLASS = re.compile(r"\[!?\]?[^\]]*\]")
"""Of characters in a glob, the first of which may be ] itself."""


def _as_tuple(value: Any) -> Any:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple):
        raise ValueError("must be a name, or a list of names")
    return value


def checked_name(name: str) -> str:
    """A name that a log and a terminal can show as it is."""
    if not name or not name.isprintable():
        raise ValueError("must be neither empty nor hold a line break or another control character")
    return name


def _checked_glob(glob: str) -> str:
    if glob != checked_name(glob).strip():
        raise ValueError("a glob must not have spaces around it")
    if "[" in _CLASS.sub("", glob):
        raise ValueError(f"'{glob}' opens a [ that it does not close; write [[] for the character itself")
    return glob


type Name = Annotated[str, AfterValidator(checked_name)]
type Glob = Annotated[str, AfterValidator(_checked_glob)]
type Globs = Annotated[tuple[Glob, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
type Names = Annotated[tuple[Name, ...], BeforeValidator(_as_tuple)]
type Tokens = Annotated[int, Field(strict=True, gt=0, lt=1 << 53)]  # JSON holds no larger one for everybody
type Seconds = Annotated[float, Field(strict=True, gt=0)]
type Variables = Annotated[tuple[Annotated[str, AfterValidator(api_keys.variable)], ...], BeforeValidator(_as_tuple)]


def _checked_headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if name.lower() in _RESERVED_HEADERS:
            raise ValueError(f"'{name}' is set by the proxy itself; for a key see key_env and auth")
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
            raise ValueError("a name is not valid in an HTTP header")  # not repeated: it may be a pasted `Name: value`
        if not value.isprintable() or not value.isascii():
            raise ValueError(f"the value of '{name}' is not valid in an HTTP header")
    return headers


def matches(globs: tuple[str, ...], model: str) -> bool:
    """Whether one of the globs matches this model's name, case-sensitively."""
    return any(fnmatchcase(model, glob) for glob in globs)


class Model(Table):
    """What is known of one model. Sizes are in tokens; `context` is for request and response together."""

    context: Tokens | None = None
    output: Tokens | None = None
    images: bool = False
    reasoning: bool = True
    efforts: tuple[Effort, ...] | None = None
    """Where they differ from the dialect's, or the dialect has none."""

    price: Price | None = None


class Variant(Table):
    """Differences of the models that match these globs. The flags belong to `protocol`, by default the provider's."""

    models: Globs
    protocol: str | None = None
    auth: Auth | None = None
    dialect: dict[str, Any] = Field(default_factory=dict)


class Provider(Table):
    """A company's API, or a server of one's own. `connect` to `whole` are time limits, see `ProviderEndpoint`."""

    protocol: str
    base_url: Annotated[str, AfterValidator(normalised)]
    key_env: Variables = ()
    key_env_else: Variables = ()
    """The first of these that is set is used where none of `key_env` is: other names of the same key, or other keys."""

    hosts: Names = ()
    """The company's other hosts beside that of `base_url`: requests that pass through to them need no key of ours."""
    auth: Auth | None = None
    headers: Annotated[dict[str, str], AfterValidator(_checked_headers)] = Field(default_factory=dict, repr=False)
    dialect: dict[str, Any] = Field(default_factory=dict)
    models: dict[Name, Model] = Field(default_factory=dict)
    variants: tuple[Variant, ...] = ()
    connect: Seconds = CONNECT
    first_byte: Seconds = FIRST_BYTE
    idle: Seconds = IDLE
    progress: Seconds = PROGRESS
    whole: Seconds = WHOLE
    limits: RateLimits | None = None
    """For all its keys together."""

    key_limits: RateLimits | None = None
    """For each key."""

    @property
    def variables(self) -> tuple[str, ...]:
        """All that may hold its keys."""
        return (*self.key_env, *self.key_env_else)

    @model_validator(mode="after")
    def _auth_fits_key_env(self) -> Self:
        if self.auth in _WITHOUT_KEY and self.variables:
            raise ValueError(
                f'auth = "{self.auth}" needs no key_env; leave one of them out, a shipped one by key_env = []'
            )
        if self.auth in ("bearer", "x-api-key") and not self.variables:
            raise ValueError(f'auth = "{self.auth}" needs the name of a variable in key_env')
        return self

    def needs_key(self) -> bool:
        return bool(self.variables)

    def has_key(self, environ: Mapping[str, str]) -> bool:
        """Whether it can be used now: a key is set, or none is needed."""
        return not self.needs_key() or bool(self.keys(environ))

    def keys(self, environ: Mapping[str, str]) -> list[FoundKey]:
        """Those that are used now.

        Raises:
            KeyProblem: see `api_keys.find`.
        """
        alternatives = (self.key_env, *((variable,) for variable in self.key_env_else))
        return next(filter(None, (api_keys.find(names, environ) for names in alternatives)), [])

    def is_at(self, host: str) -> bool:
        """Whether this host is the provider's own, or a subdomain of it (`eu.api.openai.com`)."""
        hosts = (urlsplit(self.base_url).hostname or "", *self.hosts)
        return any(f".{host.lower()}".endswith(f".{own.lower()}") for own in hosts)

    def sends_credentials(self) -> bool:
        """Whether a key, or the client's own credentials, are sent to it."""
        return self.needs_key() or self.auth == "client"

    def upstream_name(self, provider: str, requested: str) -> str:
        """This provider's name for the model that a client requests.

        Resellers put the maker before the name (`deepseek/deepseek-v4-pro`, `accounts/fireworks/models/...`), and
        clients may put the provider there: both are found if exactly one model fits.
        """
        if requested in self.models:
            return requested
        bare = requested.removeprefix(f"{provider}/")
        same = [name for name in self.models if name.rpartition("/")[2] == bare]
        return bare if bare in self.models or len(same) != 1 else same[0]

    def known(self, model: str, requested: str) -> Model | None:
        """What is known of a model, by its name here or else by the name that the client requests."""
        return self.models.get(model) or self.models.get(requested)

    def endpoint(self, provider: str, model: str, environ: Mapping[str, str], requested: str = "") -> ProviderEndpoint:
        """Where to send a request for this model, which the client calls `requested`.

        Raises:
            KeyProblem: see `api_keys.find`.
        """
        known = self.known(model, requested)
        protocol, auth, dialect = self._protocol_of(model, known)
        return ProviderEndpoint(
            upstream=Upstream(provider_name=provider, protocol=protocol, model=model, dialect=dialect),
            base_url=self.base_url,
            auth=auth,
            keys=tuple(found.key for found in self.keys(environ)),
            headers=self.headers,
            connect=self.connect,
            first_byte=self.first_byte,
            idle=self.idle,
            progress=self.progress,
            whole=self.whole,
            limits=self.limits,
            key_limits=self.key_limits,
            price=known.price if known else None,
            context=known.context if known else None,
        )

    def _protocol_of(self, model: str, known: Model | None) -> tuple[str, Auth, Dialect]:
        protocol, auth, flags = self.protocol, self.auth, dict(self.dialect)
        for variant in self.variants:
            if not matches(variant.models, model):
                continue
            auth = variant.auth or auth
            if variant.protocol not in (None, protocol):
                protocol, flags = variant.protocol, {}
            if protocol == (variant.protocol or self.protocol):
                flags |= variant.dialect
        auth = auth or (PROTOCOLS[protocol].default_auth if self.needs_key() else "none")
        return protocol, auth, PROTOCOLS[protocol].dialect.model_validate(_with_model(protocol, flags, known))


def _with_model(protocol: str, flags: dict[str, Any], model: Model | None) -> dict[str, Any]:
    """The dialect flags, changed by what is known of the model."""
    if model is None:
        return flags
    dialect = PROTOCOLS[protocol].dialect
    fields = dialect.model_fields
    flags = flags | {"images": model.images}
    if model.efforts is not None and "efforts" in fields:
        flags["efforts"] = model.efforts
    if not model.reasoning:
        flags |= dialect.NO_REASONING
    limit = flags.get("max_tokens", fields["max_tokens"].default)
    if limit is not None and model.output is not None:
        flags["max_tokens"] = min(limit, model.output)
    return flags
