"""Where to send requests for one model of one provider: base URL, credentials, time limits."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from addons.credentials import header_secrets
from addons.routing.account import Account, fingerprint
from addons.routing.price import Price
from addons.routing.rate_limits import RateLimits
from converters.protocols import PROTOCOLS, Upstream, without_path

type Auth = Literal["bearer", "x-api-key", "client", "none"]

CONNECT, FIRST_BYTE, IDLE, PROGRESS, WHOLE = 15.0, 300.0, 300.0, 1800.0, 3600.0
"""Default time limits, in seconds."""

_DOUBLED_VERSION = re.compile(r"(/v\d+)\1+(?=/|$)")
_VERSION = re.compile(r"/v\d+[a-z0-9]*(?=/|$)")


@dataclass(frozen=True, slots=True)
class ProviderEndpoint:
    """`keys` are all that are set, in the order of the provider's variables.

    The time limits are in seconds, see `layer/attempt_clock.py`; by default slow models may reason for long.
    """

    upstream: Upstream
    base_url: str
    auth: Auth
    keys: tuple[str, ...] = field(default=(), repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    connect: float | None = CONNECT
    first_byte: float | None = FIRST_BYTE
    idle: float | None = IDLE
    progress: float | None = PROGRESS
    whole: float | None = WHOLE
    limits: RateLimits | None = None
    key_limits: RateLimits | None = None
    """For each of the keys; `limits` is for all together."""

    price: Price | None = None
    context: int | None = None
    """The most tokens of a request and its response, where that is known."""

    @property
    def key(self) -> str | None:
        return self.keys[0] if self.keys else None

    def account(self, key: str | None = None) -> Account:
        """Who pays, with this key, by default the first."""
        key = key or self.key
        return Account(self.upstream.provider_name, fingerprint(key) if key else "")

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.base_url)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def own_credentials(self) -> bool:
        """Whether the client's own credentials are forwarded to this provider."""
        return self.auth == "client"

    def credentials(self, key: str | None = None) -> dict[str, str]:
        """The header that carries this key, by default the first. For the wire only: no flow may hold it."""
        key = key or self.key
        if key is None or self.auth in ("client", "none"):
            return {}
        return {"x-api-key": key} if self.auth == "x-api-key" else {"authorization": f"Bearer {key}"}

    def shown_headers(self) -> tuple[dict[str, str], dict[str, str]]:
        """The provider's configured headers: those that may be shown, and those for the wire only."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        shown = {name: value for name, value in headers.items() if header_secrets.is_harmless(name)}
        return shown, {name: value for name, value in headers.items() if name not in shown}

    def url(self, path: str) -> str:
        """The URL for a path such as `/chat/completions`, with exactly one version (`/v1`) in it.

        A base URL that ends with a slash is used as it is: no version is added.
        """
        path = _VERSION.sub("", path, count=1) if _VERSION.match(path) else path
        base_path = urlsplit(self.base_url).path
        always = PROTOCOLS[self.upstream.protocol].always_versioned
        lacks_version = not _VERSION.search(base_path) and (not base_path or always)
        return f"{self.base_url.removesuffix('/')}{'/v1' if lacks_version else ''}{path}"


def normalised(url: str) -> str:
    """A base URL without a pasted path, slashes at its end or a doubled version.

    Raises:
        ValueError: not an http(s) URL, or one with credentials, a query or a fragment.
    """
    if not url.strip().isprintable():  # which urlsplit leaves out
        raise ValueError("not an address; it holds a line break or another control character")
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError:  # whose text repeats the URL, which may hold a key
        raise ValueError("not an address; it must look like https://host/path or https://host:port/path") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an address; it must look like https://host/path")
    if parts.username or parts.password:
        raise ValueError("holds credentials; keys belong in the environment, see key_env")
    if parts.query or parts.fragment:
        raise ValueError("a base address must have no ? or #")
    path = re.sub(r"/{2,}", "/", parts.path).rstrip("/")
    path = _DOUBLED_VERSION.sub(r"\1", without_path(path))
    return f"{parts.scheme}://{parts.netloc}{path}"
