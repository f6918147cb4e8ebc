"""case.toml: what a case pins, and all that its conversion depends on beside the bytes."""

import datetime
import tomllib
from typing import Annotated, Any, Self

import tomlkit
from pydantic import Field, PlainSerializer

from addons.routing import config_errors
from addons.routing.table import Table
from converters.conversion import ConversionSpec, Upstream
from converters.errors import Client, Kind
from converters.jsontext import Json
from converters.protocols import PROTOCOLS

_NUMBERS_PER_LINE = 16

type _Headers = Annotated[dict[str, str], PlainSerializer(lambda headers: dict(sorted(headers.items())))]


class RecordedRoute(Table):
    """Where the request went. `dialect` has the flags that are not the protocol's default."""

    provider: str
    protocol: str
    model: str
    dialect: Json = Field(default_factory=dict)

    def upstream(self) -> Upstream:
        return Upstream(self.provider, self.protocol, self.model, PROTOCOLS[self.protocol].dialect(**self.dialect))


class UpstreamFault(Table):
    """What the proxy noticed of an upstream that was out of reach, broke off or fell silent."""

    kind: Kind
    message: str


class ClientResponseHead(Table):
    """The head of the client's response, a golden. Of its headers, what a client acts on."""

    status: int = 200
    retry_after: str | None = None


class CaseMetadata(Table):
    """case.toml. `now` is the proxy's clock in whole seconds, `times` are in ms since the attempt began."""

    pins: str = ""
    """What would be wrong if this case failed, in one sentence."""

    wrong: bool = False
    """The goldens are what should not be: recorded to be mended. The case fails until today's code gives something else
    and a person accepts that."""

    codex: str = ""
    """The version of the Codex that sent the request; "" for another client."""

    model: str
    """The model that the client requested."""

    recorded: datetime.date
    now: int
    client: Client
    compact: bool = False
    """The request came to /responses/compact."""

    without_previous_response: bool = False
    """The upstream had not known the request's previous response: it was sent once more without its id."""

    without_thinking: bool = False
    """The upstream had refused the thread's earlier thinking: the request was sent once more without."""

    status: int | None = None
    """The upstream's; None where it did not respond."""

    chunks: tuple[int, ...] = ()
    """Sizes of the pieces of upstream_response in bytes, as they came; () for one piece."""

    times: tuple[int, ...] = ()
    fault: UpstreamFault | None = None
    told: ClientResponseHead = ClientResponseHead()
    route: RecordedRoute
    upstream_headers: _Headers = Field(default_factory=dict)
    """Of the upstream's response, those that may be kept."""

    client_headers: _Headers = Field(default_factory=dict)
    """Of the client's request, those that may be kept."""

    @property
    def spec(self) -> ConversionSpec:
        """What the exchange was converted with."""
        stripped = self.without_thinking, self.without_previous_response
        return ConversionSpec(self.route.upstream(), self.now, self.client, self.compact, *stripped)

    @staticmethod
    def of_spec(spec: ConversionSpec) -> dict[str, Any]:
        """The fields that `spec` is made of again."""
        upstream = spec.upstream
        dialect = upstream.dialect.model_dump(mode="json", exclude_defaults=True)
        route = RecordedRoute(
            provider=upstream.provider_name, protocol=upstream.protocol, model=upstream.model, dialect=dialect
        )
        return {
            "now": spec.now,
            "client": spec.client,
            "compact": spec.compact,
            "without_thinking": spec.reasoning_stripped,
            "without_previous_response": spec.previous_response_stripped,
            "route": route,
        }

    @classmethod
    def read(cls, text: bytes) -> Self:
        """The metadata in a file.

        Raises:
            ValueError: it is no TOML, or has impossible values; the text names the place.
        """
        # Not tomlkit, which writes it: keeping the layout makes it many times slower.
        metadata = config_errors.validated(cls, tomllib.loads(text.decode()), "")
        _check_route(metadata.route)
        return metadata

    def text(self) -> str:
        """The file: keys in the order of this class; what has its default is left out."""
        document = tomlkit.document()
        for key, value in ({"pins": self.pins} | self.model_dump(exclude_defaults=True, exclude_none=True)).items():
            document[key] = _item(value)
        return tomlkit.dumps(document)


def _check_route(route: RecordedRoute) -> None:
    if route.protocol not in PROTOCOLS:
        raise ValueError(f"route.protocol: {config_errors.unknown(route.protocol, PROTOCOLS)}")
    config_errors.validated(PROTOCOLS[route.protocol].dialect, route.dialect, "route.dialect")


def _item(value: object) -> object:
    match value:
        case str() if "\n" in value:
            return tomlkit.string(value, multiline=True)
        case dict():
            table = tomlkit.table()
            for key, field in value.items():
                table[key] = _item(field)
            return table
        case tuple() if len(value) > _NUMBERS_PER_LINE:
            return _long_array(value)
        case _:
            return value


def _long_array(numbers: tuple[int, ...]) -> object:
    lines = [numbers[start : start + _NUMBERS_PER_LINE] for start in range(0, len(numbers), _NUMBERS_PER_LINE)]
    text = ",\n    ".join(", ".join(map(str, line)) for line in lines)
    return tomlkit.value(f"[\n    {text},\n]")
