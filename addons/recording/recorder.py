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
from addons.exchange.flow_metadata import ATTEMPT, CHUNKS, EXCHANGE, FAULT, SIDE, SPEC, TIMES, is_attempt, numbers
from converters import jsontext
from converters.conversion import ConversionSpec

_MAX_MIB = 256  # decoded

_VERSION = re.compile(r"[^/\s]+/(\d+\.\d+\.\d+\S*)")


_METADATA = {ATTEMPT, CHUNKS, EXCHANGE, FAULT, SIDE, SPEC, TIMES}


class NoCase(ValueError):
    """An exchange that cannot become a case; the text says why."""


class RecordedFlow(Protocol):
    """The fields of a flow that a case is made of."""

    id: str
    request: http.Request
    response: http.Response | None
    error: flow.Error | None
    metadata: dict[Any, Any]


@dataclass
class FlowSnapshot:
    """A copy of those fields alone, which costs less than a flow to send to another process."""

    id: str
    request: http.Request
    response: http.Response | None
    error: flow.Error | None
    metadata: dict[Any, Any]

    @classmethod
    def of(cls, recorded: RecordedFlow) -> Self:
        ours = {key: value for key, value in recorded.metadata.items() if key in _METADATA}
        return cls(recorded.id, recorded.request, recorded.response, recorded.error, ours)

    def without_response_body(self) -> Self:
        """Its response's head alone: what the client read is made anew for a case."""
        if self.response is None:
            return self
        head = self.response.data.get_state() | {"content": b""}
        return replace(self, response=http.Response.from_state(head))


@dataclass(frozen=True)
class RecordedExchange:
    """The two sides of one exchange. `attempt` is the chosen one, or the one whose response the client read."""

    client: RecordedFlow
    attempt: RecordedFlow

    @property
    def is_read(self) -> bool:
        """Whether the client read this attempt's response. Older saved flows do not know, and had mostly one."""
        number = self.client.metadata.get(ATTEMPT)
        return number is None or self.attempt.metadata.get(ATTEMPT) == number


def exchanges(chosen: Iterable[flow.Flow], known: Iterable[flow.Flow]) -> Iterator[RecordedExchange | NoCase]:
    """The exchanges that the chosen flows belong to, each once; `known` are all flows there are.

    A chosen flow that is no exchange is left out beside exchanges; alone, it becomes a `NoCase`.
    """
    by_id: dict[str, http.HTTPFlow] = {}
    by_exchange: defaultdict[str, list[http.HTTPFlow]] = defaultdict(list)
    for candidate in known:
        if isinstance(candidate, http.HTTPFlow):
            by_id[candidate.id] = candidate
            by_exchange[str(candidate.metadata.get(EXCHANGE))].append(candidate)
    done: set[str] = set()
    chosen = list(chosen)
    in_exchanges = [candidate for candidate in chosen if EXCHANGE in candidate.metadata]
    for chosen_flow in in_exchanges or chosen:
        exchange_id = str(chosen_flow.metadata.get(EXCHANGE, chosen_flow.id))
        if exchange_id not in done:
            done.add(exchange_id)
            yield _exchange_of(chosen_flow, by_id.get(exchange_id), by_exchange[exchange_id])


def _exchange_of(
    chosen: flow.Flow, client: http.HTTPFlow | None, all_flows: list[http.HTTPFlow]
) -> RecordedExchange | NoCase:
    if client is None:
        return NoCase("the client's side of it is not among the flows")
    if isinstance(chosen, http.HTTPFlow) and is_attempt(chosen):
        return RecordedExchange(client, chosen)
    return read_exchange(client, filter(is_attempt, all_flows))


def read_exchange(client: http.HTTPFlow, attempts: Iterable[http.HTTPFlow]) -> RecordedExchange | NoCase:
    """The exchange with the attempt whose response the client read; failed ones before it, or after, are left out."""
    in_order = sorted(attempts, key=lambda attempt: attempt.request.timestamp_start)
    read = [attempt for attempt in in_order if RecordedExchange(client, attempt).is_read]
    if read:
        return RecordedExchange(client, read[-1])
    if client.metadata.get(SIDE) and client.metadata.get(ATTEMPT) != 0:
        return NoCase("the provider's side of it is not among the flows")
    return NoCase("it was not converted: it passed through, or was refused")


def protocol_of(exchanged: RecordedExchange) -> str:
    """What the provider speaks; "" where that is not known."""
    try:
        return _spec(exchanged.attempt).upstream.protocol
    except NoCase:
        return ""


def _spec(attempt: RecordedFlow) -> ConversionSpec:
    try:
        return ConversionSpec.from_json(str(attempt.metadata.get(SPEC, "")))
    except ValueError as error:
        raise NoCase("its route is not known: it was recorded by another version") from error


def case_of(exchanged: RecordedExchange, pins: str = "") -> Case:
    """The exchange as it was recorded. What the client would have read of an attempt that failed is made anew.

    Raises:
        NoCase: it is not over, the client left, or a body cannot be read.
        RequestError: of such an attempt, today's code refuses the request.
    """
    client, attempt = exchanged.client, exchanged.attempt
    _check(client, attempt)
    try:
        request = pretty(decoded(client.request, _MAX_MIB))
        pieces = _pieces(attempt)
        upstream_request = pretty(attempt.request.raw_content or b"")
    except (content_encoding.Undecodable, ValueError) as error:
        raise NoCase(str(error)) from error
    upstream_response = Text.of(b"".join(pieces)) if attempt.response else None
    assert client.response is not None
    client_response = Text.pretty(client.response.raw_content or b"")
    metadata = _metadata(client, attempt, pieces, pins)
    case = Case(metadata, request, upstream_request, upstream_response, client_response)
    return case if exchanged.is_read else case.renewed()


def _check(client: RecordedFlow, attempt: RecordedFlow) -> None:
    if any(side.error is not None and side.error.msg == CLIENT_LEFT for side in (client, attempt)):
        raise NoCase("the client left before the end")
    if client.response is None or client.response.timestamp_end is None or not (attempt.response or attempt.error):
        raise NoCase("it is not over")


def _metadata(client: RecordedFlow, attempt: RecordedFlow, pieces: Sequence[bytes], pins: str) -> CaseMetadata:
    spec = _spec(attempt)
    agent = _VERSION.match(client.request.headers.get("user-agent", ""))
    client_response, upstream_response = client.response, attempt.response
    assert client_response is not None
    several = len(pieces) > 1
    return CaseMetadata(
        pins=pins,
        codex=agent[1] if agent and spec.client != "other" else "",
        model=json.loads(decoded(client.request, _MAX_MIB)).get("model", ""),
        recorded=datetime.datetime.fromtimestamp(client.request.timestamp_start, datetime.UTC).date(),
        **CaseMetadata.of_spec(spec),
        status=upstream_response.status_code if upstream_response else None,
        chunks=tuple(map(len, pieces)) if several else (),
        times=tuple(numbers(attempt.metadata.get(TIMES))) if several else (),
        fault=_fault(attempt),
        told=ClientResponseHead(
            status=client_response.status_code, retry_after=client_response.headers.get("retry-after")
        ),
        upstream_headers=_headers(upstream_response) if upstream_response else {},
        client_headers=_headers(client.request),
    )


def _headers(message: http.Message) -> dict[str, str]:
    return {name.lower(): value for name, value in message.headers.items()}


def _fault(attempt: RecordedFlow) -> UpstreamFault | None:
    """The failure of the connection; an error that the upstream reports is in its response."""
    if attempt.error is None:
        return None
    try:
        return UpstreamFault(**jsontext.loads(str(attempt.metadata[FAULT]).encode()))
    except (KeyError, TypeError, ValueError) as error:
        raise NoCase("why it failed is not known: it was recorded by another version") from error


def _pieces(attempt: RecordedFlow) -> list[bytes]:
    """The response's body as it came, freed from content encoding; a piece may be empty.

    Raises:
        content_encoding.Undecodable: it is not what its head says.
    """
    if attempt.response is None:
        return []
    body = attempt.response.raw_content or b""
    decoder = content_encoding.Decoder(attempt.response.headers.get("content-encoding", ""), limit=_MAX_MIB << 20)
    sizes = numbers(attempt.metadata.get(CHUNKS)) or [len(body)]
    pieces, start = [], 0
    for size in sizes if sum(sizes) == len(body) else [len(body)]:
        pieces.append(decoder.feed(body[start : start + size]))
        start += size
    return pieces
