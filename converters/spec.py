"""All that it takes to make a conversion again, beside the request itself."""

from dataclasses import dataclass
from typing import Any, Self

from converters import jsontext
from converters.errors import Client
from converters.jsontext import Json
from converters.protocols import PROTOCOLS, Upstream


@dataclass(frozen=True, slots=True)
class ConversionSpec:
    """What a conversion is opened with, what an attempt's flow and a case carry, and what a later run converts anew."""

    upstream: Upstream
    now: int
    """The clock, in whole seconds."""

    client: Client
    compact: bool = False
    """The client wants the body of POST /responses/compact."""

    reasoning_stripped: bool = False
    """The upstream had refused the thread's earlier reasoning: this request goes without."""

    previous_response_stripped: bool = False
    """The upstream did not know the request's previous response: this one goes with its own history alone."""

    def as_json(self) -> str:
        upstream = self.upstream
        value: Json = {
            "provider": upstream.provider_name,
            "protocol": upstream.protocol,
            "model": upstream.model,
            "dialect": upstream.dialect.model_dump(mode="json", exclude_defaults=True),
            "now": self.now,
            "client": self.client,
            "compact": self.compact,
            "reasoning_stripped": self.reasoning_stripped,
            "previous_response_stripped": self.previous_response_stripped,
        }
        return jsontext.dumps(value).decode()

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `as_json` wrote, also in flows that an older version saved.

        Raises:
            ValueError: it is no spec.
        """
        value: Any = jsontext.loads(text.encode())
        try:
            name = value["provider"] if "provider" in value else value["who"]
            dialect = PROTOCOLS[value["protocol"]].dialect(**value["dialect"])
            upstream = Upstream(name, value["protocol"], value["model"], dialect)
            stripped = value.get("reasoning_stripped", value.get("without_thinking", False))
            alone = value.get("previous_response_stripped", False)
            return cls(upstream, value["now"], value["client"], value["compact"], stripped, alone)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no spec of a conversion: {type(error).__name__} {error}") from error
