"""The protocols that an upstream may speak: where one asks, what its dialects are, who converts. Responses passes as it
is; each of the others is a row in `CONVERTERS`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from converters import sse
from converters.anthropic import request as to_anthropic
from converters.anthropic import response as from_anthropic
from converters.anthropic.dialect import AnthropicDialect
from converters.chat import request as to_chat
from converters.chat import response as from_chat
from converters.chat.dialect import ChatDialect
from converters.dialect import Dialect
from converters.events import Event
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import wire
from converters.responses.dialect import ResponsesDialect
from converters.tools import Toolbox


@dataclass(frozen=True, slots=True)
class Upstream:
    """Who answers, as far as a converter needs to know. `who` is the provider's name in messages to the user."""

    who: str
    protocol: str
    model: str
    dialect: Dialect


class Decoder(Protocol):
    """What each protocol's `response` offers: messages in, events out.

    `close` reports Finished or Failed if nothing did yet. `whole` takes a body that is no stream; only `close` follows.
    """

    def feed(self, message: sse.Message) -> list[Event]: ...
    def close(self) -> list[Event]: ...
    def whole(self, body: Any) -> list[Event]: ...


@dataclass(frozen=True, slots=True)
class Converter:
    """convert(request, tools, dialect, model, losses) -> body; decoder(who, dialect, losses); headers(dialect)."""

    path: str
    dialect: type[Dialect]
    convert: Callable[[wire.Request, Toolbox, Any, str, Losses], Json]
    decoder: Callable[[str, Any, Losses], Decoder]
    headers: Callable[[Any], dict[str, str]]


CONVERTERS: dict[str, Converter] = {
    "chat": Converter("/chat/completions", ChatDialect, to_chat.convert, from_chat.Decoder, lambda _: {}),
    "anthropic": Converter(
        "/messages", AnthropicDialect, to_anthropic.convert, from_anthropic.Decoder, to_anthropic.headers
    ),
}
RESPONSES = "responses"

DIALECTS: dict[str, type[Dialect]] = {
    RESPONSES: ResponsesDialect,
    **{name: converter.dialect for name, converter in CONVERTERS.items()},
}
"""protocol -> its dialect: all protocols there are."""
