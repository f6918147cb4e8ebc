"""From mitmproxy's flows, live or saved, to cases: what went over both sides of an exchange, not yet redacted."""

import datetime
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

from mitmproxy import flow, http

from addons.cases.case import Case, Text, pretty
from addons.cases.case_metadata import CaseMetadata, ClientResponseHead, UpstreamFault
from addons.exchange import content_encoding
from addons.exchange.client_request import decoded
from addons.exchange.exchange import CLIENT_LEFT
from addons.exchange.flow_metadata import CHUNKS, EXCHANGE, FAULT, SIDE, SPEC, TIMES, is_attempt, numbers
from converters import jsontext
from converters.conversion import ConversionSpec

_LARGEST = 256  # MiB, decoded

_VERSION = re.compile(r"[^/\s]+/(\d+\.\d+\.\d+\S*)")


_METADATA = {CHUNKS, EXCHANGE, FAULT, SIDE, SPEC, TIMES}


class NoCase(ValueError):
    """An exchange that cannot become a case; the text says why."""


class Side(Protocol):
    """What a case takes of a flow."""

    id: str
    request: http.Request
    response: http.Response | None
    error: flow.Error | None
    metadata: dict[Any, Any]


@dataclass
class BareSide:
    """Nothing but that, which can be sent to another process for less than a flow costs."""

    id: str
    request: http.Request
    response: http.Response | None
    error: flow.Error | None
    metadata: dict[Any, Any]

    @classmethod
    def of(cls, one: Side) -> Self:
        ours = {key: value for key, value in one.metadata.items() if key in _METADATA}
        return cls(one.id, one.request, one.response, one.error, ours)

    def without_answer(self) -> Self:
        """Its answer's head alone: what the client read is made anew for a case."""
        if self.response is None:
            return self
        head = self.response.data.get_state() | {"content": b""}
        return replace(self, response=http.Response.from_state(head))


@dataclass(frozen=True)
class Exchanged:
    """The two sides of one exchange. `attempt` is the chosen one, or the last: its answer is what the client read."""

    client: Side
    attempt: Side


def exchanges(chosen: Iterable[flow.Flow], known: Iterable[flow.Flow]) -> Iterator[Exchanged | NoCase]:
    """The exchanges that the chosen flows belong to, each once; `known` are all flows there are.

    What was chosen beside exchanges and is none is left out; alone, it is told why.
    """
    by_id: dict[str, http.HTTPFlow] = {}
    by_exchange: defaultdict[str, list[http.HTTPFlow]] = defaultdict(list)
    for one in known:
        if isinstance(one, http.HTTPFlow):
            by_id[one.id] = one
            by_exchange[str(one.metadata.get(EXCHANGE))].append(one)
    done: set[str] = set()
    chosen = list(chosen)
    for one in [one for one in chosen if EXCHANGE in one.metadata] or chosen:
        exchange_id = str(one.metadata.get(EXCHANGE, one.id))
        if exchange_id not in done:
            done.add(exchange_id)
            yield _sides(one, by_id.get(exchange_id), by_exchange[exchange_id])


def _sides(chosen: flow.Flow, client: http.HTTPFlow | None, all_of_it: list[http.HTTPFlow]) -> Exchanged | NoCase:
    if client is None:
        return NoCase("the client's side of it is not among the flows")
    attempts = sorted((one for one in all_of_it if is_attempt(one)), key=lambda one: one.request.timestamp_start)
    if not attempts:
        why = "the provider's side of it is not among the flows"
        return NoCase(why if client.metadata.get(SIDE) else "it was not converted: it passed through, or was refused")
    own = isinstance(chosen, http.HTTPFlow) and is_attempt(chosen)
    return Exchanged(client, chosen if own and isinstance(chosen, http.HTTPFlow) else attempts[-1])


def protocol_of(exchanged: Exchanged) -> str:
    """What the provider speaks; "" where that is not known."""
    try:
        return _spec(exchanged.attempt).upstream.protocol
    except NoCase:
        return ""


def _spec(attempt: Side) -> ConversionSpec:
    try:
        return ConversionSpec.from_json(str(attempt.metadata.get(SPEC, "")))
    except ValueError as error:
        raise NoCase("its route is not known: it was recorded by another version") from error


def case_of(exchanged: Exchanged, pins: str = "") -> Case:
    """The exchange as it was recorded.

    Raises:
        NoCase: it is not over, the client left, or a body cannot be read.
    """
    client, attempt = exchanged.client, exchanged.attempt
    _check(client, attempt)
    try:
        request = pretty(decoded(client.request, _LARGEST))
        pieces = _pieces(attempt)
        upstream_request = pretty(attempt.request.raw_content or b"")
    except (content_encoding.Undecodable, ValueError) as error:
        raise NoCase(str(error)) from error
    answered = Text.of(b"".join(pieces)) if attempt.response else None
    assert client.response is not None
    told = Text.pretty(client.response.raw_content or b"")
    return Case(_metadata(client, attempt, pieces, pins), request, upstream_request, answered, told)


def _check(client: Side, attempt: Side) -> None:
    if any(one.error is not None and one.error.msg == CLIENT_LEFT for one in (client, attempt)):
        raise NoCase("the client left before the end")
    if client.response is None or client.response.timestamp_end is None or not (attempt.response or attempt.error):
        raise NoCase("it is not over")


def _metadata(client: Side, attempt: Side, pieces: Sequence[bytes], pins: str) -> CaseMetadata:
    spec = _spec(attempt)
    agent = _VERSION.match(client.request.headers.get("user-agent", ""))
    told, answer = client.response, attempt.response
    assert told is not None
    several = len(pieces) > 1
    return CaseMetadata(
        pins=pins,
        codex=agent[1] if agent and spec.client != "other" else "",
        model=json.loads(decoded(client.request, _LARGEST)).get("model", ""),
        recorded=datetime.datetime.fromtimestamp(client.request.timestamp_start, datetime.UTC).date(),
        **CaseMetadata.of_spec(spec),
        status=answer.status_code if answer else None,
        chunks=tuple(map(len, pieces)) if several else (),
        times=tuple(numbers(attempt.metadata.get(TIMES))) if several else (),
        fault=_fault(attempt),
        told=ClientResponseHead(status=told.status_code, retry_after=told.headers.get("retry-after")),
        upstream_headers=_headers(answer) if answer else {},
        client_headers=_headers(client.request),
    )


def _headers(message: http.Message) -> dict[str, str]:
    return {name.lower(): value for name, value in message.headers.items()}


def _fault(attempt: Side) -> UpstreamFault | None:
    """What befell the connection; what an answer says of its failure is in the answer."""
    if attempt.error is None:
        return None
    try:
        return UpstreamFault(**jsontext.loads(str(attempt.metadata[FAULT]).encode()))
    except (KeyError, TypeError, ValueError) as error:
        raise NoCase("why it failed is not known: it was recorded by another version") from error


def _pieces(attempt: Side) -> list[bytes]:
    """The answer's body as it came, freed from content encoding; a piece may be empty.

    Raises:
        compression.Undecodable: it is not what its head says.
    """
    if attempt.response is None:
        return []
    body = attempt.response.raw_content or b""
    decoder = content_encoding.Decoder(attempt.response.headers.get("content-encoding", ""), limit=_LARGEST << 20)
    sizes = numbers(attempt.metadata.get(CHUNKS)) or [len(body)]
    pieces, start = [], 0
    for size in sizes if sum(sizes) == len(body) else [len(body)]:
        pieces.append(decoder.feed(body[start : start + size]))
        start += size
    return pieces
