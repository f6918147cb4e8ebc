"""One question and its answer: the only door that addons use.

    exchange = Exchange(request, upstream, now=..., client="codex")   # raises RequestError: nothing was sent
    POST upstream + exchange.path  exchange.headers  exchange.body
    client <- exchange.feed(bytes from upstream) ... exchange.close()

`feed` and `close` never raise: what goes wrong becomes the stream's one terminal event.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from converters import sse
from converters.dialect import Dialect
from converters.events import Event
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import wire
from converters.tools import Toolbox


@dataclass(frozen=True, slots=True)
class Upstream:
    """Who answers, as far as a converter needs to know. `who` is the provider's name in messages to the user."""

    who: str
    protocol: str
    model: str
    dialect: Dialect


class Decoder(Protocol):
    """What each protocol's `to_responses` offers: messages in, events out.

    `close` reports Finished or Failed if nothing did yet; `whole` takes a body that is no stream (then only `close` follows).
    """

    def feed(self, message: sse.Message) -> list[Event]: ...
    def close(self) -> list[Event]: ...
    def whole(self, body: Any) -> list[Event]: ...


# convert(request, tools, dialect, model, losses) -> the upstream's request body
type Convert = Callable[[wire.Request, Toolbox, Any, str, Losses], Json]
