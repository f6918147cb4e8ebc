"""One question and its answer: the only door that addons use.

    raw = load(body)                                           # raises RequestError
    exchange = open_exchange(raw, upstream, now=..., client="codex")   # raises RequestError: nothing was sent yet
    POST to the upstream's base + exchange.path: exchange.headers, exchange.body
    client <- exchange.feed(bytes from upstream) ... exchange.close()

`feed`, `close` and `fail` never raise (`boundary.py` sees to that): what goes wrong becomes the stream's one terminal
event. A client that asked for no stream gets `whole()`, made of the same events.
"""

from converters.boundary import Exchange
from converters.converted import Conversion
from converters.errors import Client, RequestError
from converters.jsontext import Json
from converters.losses import Losses
from converters.protocols import RESPONSES, Upstream
from converters.relayed import Relay
from converters.responses import reasoning, relay, wire

__all__ = [
    "Exchange",
    "Upstream",
    "load",
    "model_of",
    "open_exchange",
    "passes_as_it_is",
]

load = wire.load


def open_exchange(
    raw: Json,
    upstream: Upstream,
    *,
    now: int,
    client: Client,
    compact: bool = False,
    without_thinking: bool = False,
    event_limit: int | None = None,
) -> Exchange:
    """The exchange of one loaded request with one upstream; `now` is the clock in whole seconds.

    `compact`: the client wants the body of POST /responses/compact. `without_thinking`: the upstream did not take the
    thread's earlier thinking back (`blames_thinking`). `event_limit`: the most bytes of one event, or of an answer that
    is no stream.

    Raises:
        RequestError: the request cannot be converted.
    """
    losses = Losses()
    if without_thinking:
        raw = reasoning.stripped(raw, losses)
    if upstream.protocol == RESPONSES:
        opened: Exchange = Relay(raw, upstream, losses, client=client, compact=compact, event_limit=event_limit)
    else:
        opened = Conversion(
            wire.read(raw), upstream, losses, now=now, client=client, compact=compact, event_limit=event_limit
        )
    opened.thinks = not without_thinking
    return opened


def passes_as_it_is(raw: Json) -> bool:
    """Whether a request holds nothing that OpenAI itself would refuse: it was with another model before."""
    return not relay.changes(raw)


def model_of(raw: Json) -> str:
    """The model that a request asks for.

    Raises:
        RequestError: it names none.
    """
    model = raw.get("model")
    if not isinstance(model, str) or not model:
        raise RequestError("the request names no model", param="model")
    return model
