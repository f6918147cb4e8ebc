"""The protocols that an upstream may speak, a row each: nothing outside of a protocol's folder names it but this table.

A new protocol is a folder and a row. Addons, scripts and the tests of the whole find it here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, Protocol
from urllib.parse import quote

from converters import sse
from converters.anthropic import lessons as anthropic_lessons
from converters.anthropic import rendering as anthropic_rendering
from converters.anthropic import request as anthropic_request
from converters.anthropic.dialect import AnthropicDialect
from converters.anthropic.response import AnthropicDecoder
from converters.chat import lessons as chat_lessons
from converters.chat import rendering as chat_rendering
from converters.chat import request as chat_request
from converters.chat.dialect import ChatDialect
from converters.chat.response import ChatDecoder
from converters.dialect import Dialect
from converters.events import Event
from converters.jsontext import Json
from converters.lessons import LessonRules
from converters.losses import Losses
from converters.rendering.protocol_rendering import Rendering
from converters.responses import lessons as responses_lessons
from converters.responses import rendering as responses_rendering
from converters.responses import wire
from converters.responses.decoder import ResponsesDecoder
from converters.responses.dialect import ResponsesDialect
from converters.tools import Toolbox

type KeyHeader = Literal["bearer", "x-api-key"]
"""How a key is sent: as `authorization: Bearer`, or in a header of that name."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """The upstream, as far as a converter needs to know it; its name stands in messages to the user."""

    provider_name: str
    protocol: str
    model: str
    dialect: Dialect


class Decoder(Protocol):
    """What each protocol's decoder offers: messages in, events out; nothing raises, whatever the upstream sends.

    `feed` reports what one record of a stream adds, and nothing twice; after Finished or Failed nothing more.
    `close` is the end of the bytes: it reports Finished or Failed if nothing did yet. `whole` takes a body that is no
    stream, in place of all `feed`s; only `close` follows.
    """

    def feed(self, message: sse.Message) -> list[Event]: ...
    def close(self) -> list[Event]: ...
    def whole(self, body: Any) -> list[Event]: ...


def _no_headers(_: Any) -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class WireProtocol:
    """All that anybody has to know of a protocol; what it needs for it stands in the protocol's own folder.

    convert(request, tools, dialect, model, losses) -> body; decoder(provider_name, dialect, losses); headers(dialect).
    """

    path: str
    """The endpoint's path, behind a base address; `{model}` stands for the model's name."""
    dialect: type[Dialect]
    decoder: Callable[[str, Any, Losses], Decoder]
    rendering: Rendering
    convert: Callable[[wire.Request, Toolbox, Any, str, Losses], Json] | None = None
    """None: requests and responses pass as they are."""
    headers: Callable[[Any], dict[str, str]] = _no_headers
    default_auth: KeyHeader = "bearer"
    always_versioned: bool = False
    """Its clients put /v1 behind every base address (`https://host/api`); else only behind one without any path."""
    lessons: LessonRules = field(default_factory=LessonRules)
    """What its upstreams' refusals teach."""
    other_paths: tuple[str, ...] = ()
    """Paths that its clients request beside `path`."""

    def path_for(self, model: str) -> str:
        return self.path.replace("{model}", quote(model, safe=""))

    def is_at(self, path: str) -> bool:
        """Whether a request's path, wherever the base address ends, is one of this protocol."""
        return _endings(self.path, *self.other_paths).search(path) is not None


@cache
def _endings(*paths: str) -> re.Pattern[str]:
    endings = (re.escape(path).replace(re.escape("{model}"), "[^/]+") for path in paths)
    return re.compile(f"(?:{'|'.join(endings)})$")


def without_path(base_path: str) -> str:
    """A base address's path without the one of a protocol, which people paste along."""
    paths = [path for protocol in PROTOCOLS.values() for path in (protocol.path, *protocol.other_paths)]
    return _endings(*sorted(paths, key=len, reverse=True)).sub("", base_path)


RESPONSES = "responses"

PROTOCOLS: dict[str, WireProtocol] = {
    RESPONSES: WireProtocol(
        path="/responses",
        dialect=ResponsesDialect,
        decoder=ResponsesDecoder,
        lessons=responses_lessons.LESSONS,
        rendering=responses_rendering.RENDERING,
        other_paths=("/responses/compact",),
    ),
    "anthropic": WireProtocol(
        path="/messages",
        dialect=AnthropicDialect,
        decoder=AnthropicDecoder,
        rendering=anthropic_rendering.RENDERING,
        convert=anthropic_request.convert,
        headers=anthropic_request.headers,
        lessons=anthropic_lessons.LESSONS,
        default_auth="x-api-key",
        always_versioned=True,
    ),
    "chat": WireProtocol(
        path="/chat/completions",
        dialect=ChatDialect,
        decoder=ChatDecoder,
        rendering=chat_rendering.RENDERING,
        convert=chat_request.convert,
        lessons=chat_lessons.LESSONS,
        other_paths=("/completions",),
    ),
}
"""name -> protocol: all that there are. Of a body that two may have written, the first one is taken for its author."""


def converted() -> tuple[str, ...]:
    """The protocols whose requests and responses are converted."""
    return tuple(name for name, protocol in PROTOCOLS.items() if protocol.convert is not None)
