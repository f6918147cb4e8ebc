"""What the layer and the routing addon say to each other about one request: the addon chooses, the layer sends."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from mitmproxy import http
from mitmproxy.flow import Flow

from converters.errors import Answer, Fault

# Keys of `flow.metadata`, which is saved with flows; mitmproxy's filter `~meta` reads them.

EXCHANGE = "transcodex.exchange"
"""Both sides: the id of the client's flow."""

SIDE = "transcodex.side"
"""Both sides: "client" or "upstream". Hooks see both sorts."""

MODEL = "transcodex.model"
"""The client's: the model that it asked for."""

CLIENT = "transcodex.client"
"""The client's: a `converters.errors.Client`."""

LOSSES = "transcodex.losses"
"""The client's: how many things could not be carried over."""

PROVIDER = "transcodex.provider"
"""An attempt's: who is asked."""

ROUTE = "transcodex.route"
"""An attempt's: JSON text with all that it takes to convert the exchange anew."""

CHUNKS = "transcodex.chunks"
"""An attempt's: the sizes of its answer's pieces as they came, in bytes; a text, see `numbers`."""

TIMES = "transcodex.times"
"""An attempt's: when each of these pieces came, in milliseconds from the attempt's start; a text, see `numbers`."""

WHOLE = "transcodex.whole"
"""Key in the `metadata` of a client's flow: its body is read to the end first, whatever `stream_large_bodies` says. The
value is the most that is read, in bytes."""


def as_text(many: Iterable[int]) -> str:
    """As one text: `~meta` writes out all that a flow's metadata hold, and thousands of numbers take it long."""
    return " ".join(map(str, many))


def numbers(kept: object) -> list[int]:
    """What `as_text` made a text of; nothing where the metadata hold none. Older saved flows have lists."""
    if isinstance(kept, list):
        return kept if all(isinstance(one, int) for one in kept) else []
    try:
        return [*map(int, kept.split())] if isinstance(kept, str) else []
    except ValueError:
        return []


def is_attempt(flow: Flow) -> bool:
    """Whether a hook got an attempt of ours, not a client's request."""
    return flow.metadata.get(SIDE) == "upstream"


class Answering(Protocol):
    """What makes the client's answer of the upstream's; `converters.exchange.Exchange` fits. Nothing here may raise."""

    stream: bool
    """What the client asked for: pieces as they come, or `whole` after the end."""

    @property
    def progress(self) -> int:
        """Grows with all that says something; comments and pings do not."""

    @property
    def ended(self) -> bool:
        """It has failed, and its end was told: what still comes from the upstream is not needed."""

    def feed(self, data: bytes) -> list[bytes]: ...
    def close(self) -> list[bytes]: ...

    def fail(self, fault: Fault) -> list[bytes]:
        """The end of an answer that breaks off; nothing if it had come to its end."""

    def whole(self) -> Answer: ...

    def keepalive(self) -> list[bytes]:
        """What tells a waiting client that there is still somebody."""


@dataclass(eq=False)
class Conversion:
    """A client's request and the attempts to have it answered. Lives in memory alone, since it holds credentials.

    The addon sets `attempt`, `credentials` and `answer` anew each time it is asked, or else `flow.response`, or else
    `pass_through`. Where it sets none of them, by a mistake of its own, the client is refused: what was to be routed
    goes nowhere else. Times are in seconds, None is no limit.
    """

    flow: http.HTTPFlow
    """The client's. Only its response, comment and metadata are ever set."""

    attempt: http.HTTPFlow | None = None
    """What to try next: a flow whose request names scheme, host and port, and holds no credentials."""

    credentials: dict[str, str] = field(default_factory=dict, repr=False)
    """Headers that exist on the wire only: they replace the attempt's own on a copy as it is sent."""

    answer: Answering | None = None

    pass_through: bool = False
    """The request goes to mitmproxy's own target, just as it is. Only asked for before the first attempt."""

    headers: dict[str, str] = field(default_factory=dict)
    """Headers of the client's streamed answer, beside those that every stream has."""

    who: str = "the upstream"
    """Who is asked, in messages to the user."""

    connect: float | None = None
    """Until a connection is there. The limits run one after the other, see `addons.layer.clock`."""

    first_byte: float | None = None
    """From the request to the first byte of a body."""

    idle: float | None = None
    """From one byte to the next."""

    progress: float | None = None
    """From one event that says something to the next."""

    answer_limit: int = 1 << 28
    """The most bytes of an answer, as they come and decoded."""

    quiet: float = 15.0
    """How long the client may read nothing, once it has read something, before it gets a keep-alive."""

    attempts: list[http.HTTPFlow] = field(default_factory=list)
    """All that were tried, the last one last: what came of it is in its `response` and `error`."""

    fault: Fault | None = None
    """Why the last attempt failed; None if the upstream refused it: `attempts[-1].response` says why."""
