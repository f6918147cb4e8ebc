"""Keys of `flow.metadata`, which is saved with flows; mitmproxy's filter `~meta` reads them."""

from collections.abc import Iterable

import orjson
from mitmproxy import http
from mitmproxy.flow import Flow

from converters.conversion import ConversionSpec
from converters.errors import Fault

EXCHANGE = "transcodex.exchange"
"""Both sides: the id of the client's flow."""

SIDE = "transcodex.side"
"""Both sides: "client" or "upstream". Hooks see both sorts."""

OUTCOME = "transcodex.outcome"
"""Both sides: an `addons.exchange.exchange.Outcome`."""

FAULT = "transcodex.fault"
"""Both sides: why it failed, as JSON text with `kind` and `message`."""

MODEL = "transcodex.model"
"""The client's: the model that it requested."""

CLIENT = "transcodex.client"
"""The client's: a `converters.errors.Client`."""

LOSSES = "transcodex.losses"
"""The client's: how many things could not be carried over."""

PROVIDER = "transcodex.provider"
"""An attempt's: the provider's name."""

ATTEMPT = "transcodex.attempt"
"""An attempt's: its number, from 1. The client's: the number of the one whose response it read; 0 where it read none of
theirs. Neither is there once it was sent again."""

NEXT = "transcodex.next"
"""An attempt's: what was decided after it failed."""

SPEC = "transcodex.route"
"""An attempt's: a `ConversionSpec` as JSON text, all that it takes to convert the exchange anew."""

CHUNKS = "transcodex.chunks"
"""An attempt's: the sizes of its response's pieces as they came, in bytes; a text, see `numbers`."""

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
        return kept if all(isinstance(number, int) for number in kept) else []
    try:
        return [*map(int, kept.split())] if isinstance(kept, str) else []
    except ValueError:
        return []


def is_attempt(flow: Flow) -> bool:
    """Whether a hook got an attempt of ours, not a client's request."""
    return flow.metadata.get(SIDE) == "upstream"


def note_attempt(client: http.HTTPFlow, attempt: http.HTTPFlow, spec: ConversionSpec, model: str, losses: int) -> None:
    """Writes into both flows what it takes to convert them anew."""
    client.metadata |= {EXCHANGE: client.id, SIDE: "client", MODEL: model, CLIENT: spec.client, LOSSES: losses}
    attempt.metadata |= {PROVIDER: spec.upstream.provider_name, SPEC: spec.as_json()}


def note_end(flow: http.HTTPFlow, outcome: str, fault: Fault | None) -> None:
    flow.metadata[OUTCOME] = outcome
    if fault is not None:
        flow.metadata[FAULT] = orjson.dumps({"kind": fault.kind, "message": fault.message}).decode()
