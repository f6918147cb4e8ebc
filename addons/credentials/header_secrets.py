"""Secrets of a message's head, kept out of flows: a flow shows a placeholder, the wire gets the value.

A flow is what mitmweb shows, what is saved and what a crash leaves behind. So the layer takes credentials, cookies and
the keys in an address out of each message before any addon sees its flow, and puts them into a copy of the message as
it is sent. What a user has edited meanwhile is sent as edited.

They are remembered for as long as there is the flow, so that mitmproxy's client replay can send it, or its duplicate,
again: to the place where it first went, and to no other. A placeholder never goes on the wire: where its value is not
known (a saved flow, an edited address) the header, or the parameter, is left out.
"""

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple, Self
from urllib.parse import unquote, urlsplit
from weakref import WeakKeyDictionary, WeakValueDictionary

from mitmproxy import http
from mitmproxy.net.http import url

from addons.credentials import masking
from addons.credentials.masking import Mask

PLACEHOLDER = "<withheld>"

WITHHELD = "transcodex.withheld"
"""Key in a flow's `metadata`: by what its secrets are found, here and in this process alone."""

_SAYS_WHO = frozenset(("chatgpt-account-id", "openai-organization", "openai-project"))
_WORDS = r"(?:authorization|auth|api[-_]?key|key|token|secret|password|passwd|credentials?|cookie2?|signature|sig|jwt)"
_SECRET_NAME = re.compile(rf"(?:.*[-_.])?{_WORDS}(?:[-_.].*)?|.*(?:apikey|token)", re.IGNORECASE)
_NO_SECRET = re.compile(r"sec-websocket-|sec-fetch-|idempotency-key|x-ratelimit-|anthropic-ratelimit-", re.IGNORECASE)
_HARMLESS = frozenset(
    (
        *("user-agent", "accept", "accept-language", "referer", "http-referer", "origin", "x-title", "x-client-name"),
        *("anthropic-version", "anthropic-beta", "openai-beta", "cache-control", "x-stainless-lang"),
    )
)
_BETWEEN_PARAMETERS = re.compile(r"([&;])")
_SHOWN = re.compile(rf"(?:[A-Za-z]+ )?{re.escape(PLACEHOLDER)}")
_STEPS = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)|\\|%5c|%2f", re.IGNORECASE)
"""What may lead out of a path."""

_LONGEST_NAME = 100
"""Of a header: who knows what a longer one is."""

PATH = ":path"
"""Among the names of headers: the address."""


class Place(NamedTuple):
    """Where a secret may go: an origin, all names under which its server is addressed, and what paths begin with."""

    scheme: str
    host: str
    port: int
    names: frozenset[str]
    path: str = ""

    @classmethod
    def of(cls, request: http.Request) -> Self:
        """The origin that a request goes to."""
        return cls(request.scheme, request.host.lower(), request.port, _names(request) | {request.host.lower()})

    @classmethod
    def at(cls, base_url: str) -> Self:
        """A provider's address, and all below it."""
        parts = urlsplit(base_url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        return cls(parts.scheme, host, port, frozenset({host}), parts.path.rstrip("/"))

    def has(self, request: http.Request, sni: str | None = None) -> bool:
        """`sni`: the name that TLS asks for, if it is encrypted already."""
        path = request.path.partition("?")[0]
        return (
            (request.scheme, request.host.lower(), request.port) == (self.scheme, self.host, self.port)
            and _names(request) | ({sni} if sni else set()) <= self.names  # a shared front door goes by the name
            and (not self.path or (f"{path}/".startswith(f"{self.path}/") and not _STEPS.search(path)))
        )


def _names(request: http.Request) -> frozenset[str]:
    """The hosts that a request's head names."""
    said = (request.host_header or "", request.authority, *request.headers.get_all("host"))
    return frozenset(url.parse_authority(one, check=False)[0].lower() for one in said if one)


class Secret(NamedTuple):
    """The values of one name, as the flow shows them and as they are; with no place they may go anywhere."""

    shown: tuple[str, ...]
    real: tuple[str, ...]
    place: Place | None = None

    @classmethod
    def of(cls, value: str, place: Place | None = None) -> Self:
        return cls((_hidden(value),), (value,), place)

    def __repr__(self) -> str:
        return f"Secret({self.shown})"


type Secrets = Mapping[str, Secret]
"""A header's name in lower case, or PATH -> what was taken."""

NOTHING: Secrets = {}


class _Held:
    def __init__(self, held: Secrets) -> None:
        self.secrets = held


_of_flow: WeakKeyDictionary[http.HTTPFlow, _Held] = WeakKeyDictionary()
_of_handle: WeakValueDictionary[str, _Held] = WeakValueDictionary()
"""For duplicates: they have the metadata of a flow that is still there."""


def is_secret(name: str) -> bool:
    """Whether a header's name says that its value tells who somebody is, or lets others be them."""
    return len(name) > _LONGEST_NAME or _is_secret(name)


@lru_cache(1024)
def _is_secret(name: str) -> bool:
    return name.lower() in _SAYS_WHO or bool(_SECRET_NAME.fullmatch(name) and not _NO_SECRET.match(name))


def is_harmless(name: str) -> bool:
    """Whether a header may be shown that a user wrote into a provider's table: one that is not known holds a secret."""
    return name.lower() in _HARMLESS and not is_secret(name)


def take(message: http.Message) -> Secrets:
    """Takes the secrets out of a message's head, and leaves a placeholder for each value."""
    names = {name.lower() for name in message.headers if is_secret(name)}
    taken = {name: _taken(message.headers, name) for name in names}
    if isinstance(message, http.Request) and "?" in message.path:
        taken[PATH] = Secret((hidden_path(message.path),), (message.path,))
        message.path = taken[PATH].shown[0]
    return {name: secret for name, secret in taken.items() if secret.shown != secret.real}


def hide(request: http.Request, credentials: Mapping[str, str]) -> Secrets:
    """Shows a placeholder for each header that is yet to be sent."""
    request.headers.update({name: _hidden(value) for name, value in credentials.items()})
    return {name.lower(): Secret.of(value) for name, value in credentials.items()}


def mask(headers: http.Headers, mask: Mask) -> Secrets:
    """Masks what an answer's headers repeat."""
    masked = {}
    for name in {name.lower() for name, value in headers.items(multi=True) if mask.text(value) != value}:
        real = headers.get_all(name)
        masked[name] = Secret(tuple(map(mask.text, real)), tuple(real))
        headers.set_all(name, masked[name].shown)
    return masked


def _taken(headers: http.Headers, name: str) -> Secret:
    real = headers.get_all(name)
    shown = list(map(_hidden, real))
    if shown != real:
        headers.set_all(name, shown)
    return Secret(tuple(shown), tuple(real))


def hidden_path(path: str) -> str:
    """An address with a placeholder for the value of each parameter whose name says that it is secret."""
    before, mark, query = path.partition("?")
    return before + mark + "".join(map(_hidden_parameter, _BETWEEN_PARAMETERS.split(query)))


def _hidden_parameter(parameter: str) -> str:
    name, is_there, value = parameter.partition("=")
    return f"{name}={PLACEHOLDER}" if is_there and value and is_secret(unquote(name)) else parameter


def _secret_parameters(path: str) -> Iterator[str]:
    for parameter in _BETWEEN_PARAMETERS.split(path.partition("?")[2]):
        if _hidden_parameter(parameter) != parameter:
            value = parameter.partition("=")[2]
            yield from {value, unquote(value)}


def _known_parameters(path: str) -> str:
    before, mark, query = path.partition("?")
    known = [one for one in _BETWEEN_PARAMETERS.split(query)[::2] if not one.endswith(f"={PLACEHOLDER}")]
    return before + (mark + "&".join(known) if known else "")


def restored[M: (http.Request, http.Response)](message: M, held: Secrets) -> tuple[M, list[str]]:
    """The message for the wire, and the names of what is missing in it: of placeholders that are not known."""
    message = message.copy()
    for name, secret in held.items():
        if name == PATH:
            if isinstance(message, http.Request) and message.path == secret.shown[0]:
                message.path = secret.real[0]
        elif tuple(message.headers.get_all(name)) == secret.shown:
            message.headers.set_all(name, secret.real)
    return message, [*_without_placeholders(message)]


def _without_placeholders(message: http.Request | http.Response) -> Iterator[str]:
    for name in {name.lower() for name, value in message.headers.items(multi=True) if _SHOWN.fullmatch(value)}:
        kept = [value for value in message.headers.get_all(name) if not _SHOWN.fullmatch(value)]
        message.headers.set_all(name, kept)
        yield name
    if isinstance(message, http.Request) and PLACEHOLDER in message.path:
        message.path = _known_parameters(message.path)
        yield "a parameter of its address"


def _hidden(value: str) -> str:
    """`Bearer <withheld>`: the scheme is no secret."""
    if _SHOWN.fullmatch(value):
        return value
    scheme, space, _ = value.partition(" ")
    return f"{scheme} {PLACEHOLDER}" if space and scheme.isalpha() and scheme.isascii() else PLACEHOLDER


# --- what a flow's secrets are ---


def keep(flow: http.HTTPFlow, taken: Secrets) -> None:
    """Remembers these beside what is known of the flow already: for where it goes now, if they do not say."""
    here = Place.of(flow.request)
    known = {**of(flow), **{name: one if one.place else one._replace(place=here) for name, one in taken.items()}}
    if (held := _of_flow.get(flow)) is not None:
        held.secrets = known  # in its place, which duplicates know
        return
    handle = flow.metadata[WITHHELD] = secrets.token_hex(8)
    _of_flow[flow] = _of_handle[handle] = _Held(known)


def of(flow: http.HTTPFlow) -> Secrets:
    """All that is remembered of the flow, or of the one whose duplicate it is."""
    held = _of_flow.get(flow) or _of_handle.get(str(flow.metadata.get(WITHHELD)))
    return held.secrets if held else NOTHING


def values(flow: http.HTTPFlow) -> list[str]:
    """What is secret in what is remembered of the flow."""
    held = dict(of(flow))
    path = held.pop(PATH).real[0] if PATH in held else ""
    headers = ((name, real) for name, secret in held.items() for real in secret.real)
    return [*masking.values(headers), *_secret_parameters(path)]


def forget(flow: http.HTTPFlow, names: Iterable[str]) -> None:
    """Remembers no longer what is called so."""
    gone = set(names)
    if (held := _of_flow.get(flow)) is not None:
        held.secrets = {name: one for name, one in held.secrets.items() if name not in gone}


def for_this_place(flow: http.HTTPFlow, request: http.Request, sni: str | None = None) -> Secrets:
    """What may be sent where the request goes."""
    return {name: one for name, one in of(flow).items() if one.place is None or one.place.has(request, sni)}


def credential(flow: http.HTTPFlow, name: str) -> str:
    """What the client really sent in a header, or what a user made of it; "" if nothing."""
    return credentials(flow).get(name, "") if is_secret(name) else flow.request.headers.get(name, "")


def credentials(flow: http.HTTPFlow) -> dict[str, str]:
    """The first values of all secret headers of the client's that are still meant to be sent."""
    there = {name.lower() for name in flow.request.headers if is_secret(name)}
    sent, _ = restored(flow.request, {name: one for name, one in of(flow).items() if name in there})
    return {name: sent.headers.get_all(name)[0] for name in sorted(there) if name in sent.headers}
