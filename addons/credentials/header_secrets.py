"""Keeps secrets in headers and URLs out of flows: the flow holds a placeholder, the wire gets the value.

mitmweb shows flows, mitmproxy saves them, and a crash may leave them behind. So before any addon sees a flow, the layer
takes credentials, cookies and keys in the URL out of each message, and puts them into a copy of the message as it is
sent. What a user has edited meanwhile is sent as edited.

The secrets are remembered while the flow exists, so that mitmproxy's client replay can send it, or its duplicate, once
more: to its first destination and to no other. A placeholder is never sent: where its value is not known (a saved flow,
an edited URL) the header or the parameter is left out.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from secrets import token_hex
from typing import NamedTuple, Self
from urllib.parse import unquote, urlsplit
from weakref import WeakKeyDictionary, WeakValueDictionary

from mitmproxy import http
from mitmproxy.net.http import url

from addons.credentials import masking
from addons.credentials.masking import Mask

PLACEHOLDER = "<withheld>"

WITHHELD = "transcodex.withheld"
"""Key in a flow's `metadata`: the handle under which this process, and no other, finds the flow's secrets."""

_IDENTITY_HEADERS = frozenset(("chatgpt-account-id", "openai-organization", "openai-project"))
_SECRET_WORDS = (
    r"(?:authorization|auth|api[-_]?key|key|token|secret|password|passwd|credentials?|cookie2?|signature|sig|jwt)"
)
_SECRET_NAME = re.compile(rf"(?:.*[-_.])?{_SECRET_WORDS}(?:[-_.].*)?|.*(?:apikey|token)", re.IGNORECASE)
_NOT_SECRET = re.compile(r"sec-websocket-|sec-fetch-|idempotency-key|x-ratelimit-|anthropic-ratelimit-", re.IGNORECASE)
_HARMLESS_HEADERS = frozenset(
    (
        *("user-agent", "accept", "accept-language", "referer", "http-referer", "origin", "x-title", "x-client-name"),
        *("anthropic-version", "anthropic-beta", "openai-beta", "cache-control", "x-stainless-lang"),
    )
)
_PARAMETER_SEPARATOR = re.compile(r"([&;])")
_PLACEHOLDER_VALUE = re.compile(rf"(?:[A-Za-z]+ )?{re.escape(PLACEHOLDER)}")
_PATH_TRAVERSAL = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)|\\|%5c|%2f", re.IGNORECASE)
"""Segments and separators that may lead out of a base path."""

_LONGEST_NAME = 100  # characters; a header with a longer name counts as secret, unmatched

PATH = ":path"
"""Stands for the URL's path and query among the names of headers."""


class Destination(NamedTuple):
    """Where a secret may be sent: an origin, the names by which requests may address its server, and a base path."""

    scheme: str
    host: str
    port: int
    names: frozenset[str]
    path: str = ""

    @classmethod
    def of(cls, request: http.Request) -> Self:
        """The origin that the request is sent to."""
        return cls(request.scheme, request.host.lower(), request.port, _names(request) | {request.host.lower()})

    @classmethod
    def at(cls, base_url: str) -> Self:
        """A provider's base URL, and every path below it."""
        parts = urlsplit(base_url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        return cls(parts.scheme, host, port, frozenset({host}), parts.path.rstrip("/"))

    def includes(self, request: http.Request, sni: str | None = None) -> bool:
        """Whether the request goes there. `sni`: the server name of its TLS connection, once there is one."""
        path = request.path.partition("?")[0]
        names = _names(request) | ({sni} if sni else set())  # by which servers behind one address are told apart
        return (
            (request.scheme, request.host.lower(), request.port) == (self.scheme, self.host, self.port)
            and names <= self.names
            and (not self.path or (f"{path}/".startswith(f"{self.path}/") and not _PATH_TRAVERSAL.search(path)))
        )


def _names(request: http.Request) -> frozenset[str]:
    """The hosts that a request's headers name."""
    authorities = (request.host_header or "", request.authority, *request.headers.get_all("host"))
    return frozenset(url.parse_authority(authority, check=False)[0].lower() for authority in authorities if authority)


class Secret(NamedTuple):
    """All values of one header, as shown in the flow and as sent; without a destination they may go anywhere."""

    shown: tuple[str, ...]
    real: tuple[str, ...]
    destination: Destination | None = None

    @classmethod
    def of(cls, value: str, destination: Destination | None = None) -> Self:
        return cls((_with_placeholder(value),), (value,), destination)

    def __repr__(self) -> str:
        return f"Secret({self.shown})"


type Secrets = Mapping[str, Secret]
"""A header's name in lower case, or PATH -> its secret values."""

NOTHING: Secrets = {}


class _Record:
    """Shared by a flow and its duplicates."""

    def __init__(self, secrets: Secrets) -> None:
        self.secrets = secrets


_by_flow: WeakKeyDictionary[http.HTTPFlow, _Record] = WeakKeyDictionary()
_by_handle: WeakValueDictionary[str, _Record] = WeakValueDictionary()
"""For duplicates: they have the metadata of their original, and its secrets while that exists."""


def is_secret(name: str) -> bool:
    """Whether a header of this name identifies or authenticates somebody."""
    return len(name) > _LONGEST_NAME or _is_secret(name)


@lru_cache(1024)
def _is_secret(name: str) -> bool:
    return name.lower() in _IDENTITY_HEADERS or bool(_SECRET_NAME.fullmatch(name) and not _NOT_SECRET.match(name))


def is_harmless(name: str) -> bool:
    """Whether a header from a provider's `headers` may be shown; an unknown one may hold a secret."""
    return name.lower() in _HARMLESS_HEADERS and not is_secret(name)


def take(message: http.Message) -> Secrets:
    """Replaces each secret value in the headers and the URL by a placeholder, and returns them."""
    names = {name.lower() for name in message.headers if is_secret(name)}
    taken = {name: _take_header(message.headers, name) for name in names}
    if isinstance(message, http.Request) and "?" in message.path:
        taken[PATH] = Secret((hidden_path(message.path),), (message.path,))
        message.path = taken[PATH].shown[0]
    return {name: secret for name, secret in taken.items() if secret.shown != secret.real}


def hide(request: http.Request, credentials: Mapping[str, str]) -> Secrets:
    """Adds the credentials to the request as placeholders only; returned are the values for the wire."""
    request.headers.update({name: _with_placeholder(value) for name, value in credentials.items()})
    return {name.lower(): Secret.of(value) for name, value in credentials.items()}


def mask(headers: http.Headers, mask: Mask) -> Secrets:
    """Masks credentials that a response's headers repeat; returned are the original values."""
    masked = {}
    for name in {name.lower() for name, value in headers.items(multi=True) if mask.text(value) != value}:
        real = headers.get_all(name)
        masked[name] = Secret(tuple(map(mask.text, real)), tuple(real))
        headers.set_all(name, masked[name].shown)
    return masked


def _take_header(headers: http.Headers, name: str) -> Secret:
    real = headers.get_all(name)
    shown = list(map(_with_placeholder, real))
    if shown != real:
        headers.set_all(name, shown)
    return Secret(tuple(shown), tuple(real))


def hidden_path(path: str) -> str:
    """The path and query with a placeholder for the value of each parameter that has a secret's name."""
    path, question_mark, query = path.partition("?")
    return path + question_mark + "".join(map(_hidden_parameter, _PARAMETER_SEPARATOR.split(query)))


def _hidden_parameter(parameter: str) -> str:
    name, _, value = parameter.partition("=")
    return f"{name}={PLACEHOLDER}" if value and is_secret(unquote(name)) else parameter


def _secret_parameters(path: str) -> Iterator[str]:
    for parameter in _PARAMETER_SEPARATOR.split(path.partition("?")[2]):
        if _hidden_parameter(parameter) != parameter:
            value = parameter.partition("=")[2]
            yield from {value, unquote(value)}


def _without_hidden_parameters(path: str) -> str:
    path, question_mark, query = path.partition("?")
    parameters = _PARAMETER_SEPARATOR.split(query)[::2]
    kept = [parameter for parameter in parameters if not parameter.endswith(f"={PLACEHOLDER}")]
    return path + (question_mark + "&".join(kept) if kept else "")


def restored[M: (http.Request, http.Response)](message: M, secrets: Secrets) -> tuple[M, list[str]]:
    """A copy of the message for the wire, and the names of headers left out because their values are not known."""
    message = message.copy()
    for name, secret in secrets.items():
        if name == PATH:
            if isinstance(message, http.Request) and message.path == secret.shown[0]:
                message.path = secret.real[0]
        elif tuple(message.headers.get_all(name)) == secret.shown:
            message.headers.set_all(name, secret.real)
    return message, list(_drop_placeholders(message))


def _drop_placeholders(message: http.Request | http.Response) -> Iterator[str]:
    for name in {
        name.lower() for name, value in message.headers.items(multi=True) if _PLACEHOLDER_VALUE.fullmatch(value)
    }:
        kept = [value for value in message.headers.get_all(name) if not _PLACEHOLDER_VALUE.fullmatch(value)]
        message.headers.set_all(name, kept)
        yield name
    if isinstance(message, http.Request) and PLACEHOLDER in message.path:
        message.path = _without_hidden_parameters(message.path)
        yield "a parameter of its address"


def _with_placeholder(value: str) -> str:
    """`Bearer <withheld>` for a value with a scheme, else the placeholder alone."""
    if _PLACEHOLDER_VALUE.fullmatch(value):
        return value
    scheme, space, _ = value.partition(" ")
    return f"{scheme} {PLACEHOLDER}" if space and scheme.isalpha() and scheme.isascii() else PLACEHOLDER


# --- the secrets of a flow ---


def keep(flow: http.HTTPFlow, secrets: Secrets) -> None:
    """Adds to the flow's secrets. Those without a destination get that of the flow's request."""
    current = Destination.of(flow.request)
    placed = {
        name: secret if secret.destination else secret._replace(destination=current) for name, secret in secrets.items()
    }
    merged = {**of(flow), **placed}
    if (record := _by_flow.get(flow)) is not None:
        record.secrets = merged  # the same record, so that duplicates have them too
        return
    handle = flow.metadata[WITHHELD] = token_hex(8)
    _by_flow[flow] = _by_handle[handle] = _Record(merged)


def of(flow: http.HTTPFlow) -> Secrets:
    """The secrets of the flow, or of its original if it is a duplicate."""
    record = _by_flow.get(flow) or _by_handle.get(str(flow.metadata.get(WITHHELD)))
    return record.secrets if record else NOTHING


def values(flow: http.HTTPFlow) -> list[str]:
    """The bare secret values of the flow: without scheme or header, parameter by parameter."""
    secrets = dict(of(flow))
    path = secrets.pop(PATH).real[0] if PATH in secrets else ""
    headers = ((name, real) for name, secret in secrets.items() for real in secret.real)
    return [*masking.values(headers), *_secret_parameters(path)]


def forget(flow: http.HTTPFlow, names: Iterable[str]) -> None:
    """Removes these names from the flow's secrets."""
    removed = set(names)
    if (record := _by_flow.get(flow)) is not None:
        record.secrets = {name: secret for name, secret in record.secrets.items() if name not in removed}


def secrets_for(flow: http.HTTPFlow, request: http.Request, sni: str | None = None) -> Secrets:
    """The flow's secrets that may be sent where the request goes."""
    return {
        name: secret
        for name, secret in of(flow).items()
        if secret.destination is None or secret.destination.includes(request, sni)
    }


def credential(flow: http.HTTPFlow, name: str) -> str:
    """The value that the client sent in this header, or a user has edited it to; "" if there is none."""
    return credentials(flow).get(name, "") if is_secret(name) else flow.request.headers.get(name, "")


def credentials(flow: http.HTTPFlow) -> dict[str, str]:
    """The first value of each secret header that the client sent and no user has removed."""
    names = {name.lower() for name in flow.request.headers if is_secret(name)}
    sent, _ = restored(flow.request, {name: secret for name, secret in of(flow).items() if name in names})
    return {name: sent.headers.get_all(name)[0] for name in sorted(names) if name in sent.headers}
