"""Small cases for tests."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace
from typing import Any

from mitmproxy import http
from mitmproxy.flow import Error
from mitmproxy.test import tflow, tutils

from addons.cases.case import Case, Text, pretty
from addons.cases.case_metadata import CaseMetadata, RecordedRoute, UpstreamFault
from addons.exchange.flow_metadata import ATTEMPT, CHUNKS, EXCHANGE, FAULT, PROVIDER, SIDE, SPEC
from converters import jsontext
from converters.errors import Kind

RESPONSE_CHUNKS = (
    b'data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"}}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{"content":"lo"}}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
)
"""A provider's response in Chat Completions, in the chunks in which it came."""

REFUSAL = b'{"error":{"message":"slow down"}}'


def request_fields(text: Any = "hi", *, model: str = "m-1", **fields: Any) -> dict[str, Any]:
    return {"model": model, "input": text, "stream": True, **fields}


def case(
    raw: dict[str, Any] | None = None,
    *,
    pieces: tuple[bytes, ...] = RESPONSE_CHUNKS,
    times: tuple[int, ...] = (),
    status: int | None = 200,
    broken: Kind | None = None,
) -> Case:
    """A recorded exchange, its goldens made by today's code."""
    raw = raw or request_fields()
    body = b"".join(pieces)
    metadata = CaseMetadata(
        pins="A test.",
        model=raw["model"],
        recorded=datetime.date(2026, 11, 21),
        now=1_790_000_000,
        client="codex",
        status=status,
        fault=UpstreamFault(kind=broken, message=f"acme {broken}") if broken else None,
        chunks=tuple(map(len, pieces)) if len(pieces) > 1 else (),
        times=times,
        route=RecordedRoute(provider="acme", protocol="chat", model="model-x", dialect={"think_tags": False}),
        upstream_headers={"content-type": "text/event-stream" if status == 200 else "application/json"},
    )
    client_request = pretty(json.dumps(raw).encode())
    answered = Text.of(body) if status is not None else None
    return replace(Case(metadata, client_request, b"{}", answered, Text.of(b"")), upstream_request=b"{}").renewed()


def three_attempts(read: int = 3) -> list[http.HTTPFlow]:
    """Flows in the order in which they end: an attempt that was refused, one that was cut, one that was answered, and
    the client's, which read the attempt of that number."""
    cut = case(pieces=RESPONSE_CHUNKS[:2], broken="cut")
    pairs = [flows_of(attempt) for attempt in (case(pieces=(REFUSAL,), status=429), cut, case())]
    attempts, client = [attempt for attempt, _ in pairs], pairs[read - 1][1]
    for number, attempt in enumerate(attempts, 1):
        attempt.metadata |= {EXCHANGE: client.id, ATTEMPT: number}
        attempt.request.timestamp_start = float(number)
    assert cut.metadata.fault is not None
    attempts[1].error = Error(cut.metadata.fault.message)
    attempts[1].metadata |= {FAULT: cut.metadata.fault.model_dump_json(), PROVIDER: "other"}
    client.metadata[ATTEMPT] = read
    return [*attempts, client]


def flows_of(recorded: Case) -> tuple[http.HTTPFlow, http.HTTPFlow]:
    """Both flows as mitmproxy saves them: the attempt's, which ends first, and the client's."""
    client, attempt = tflow.tflow(), tflow.tflow()
    metadata = recorded.metadata
    client.request = tutils.treq(path=b"/v1/responses", content=recorded.client_request, headers=http.Headers())
    client.response = tutils.tresp(status_code=metadata.told.status, content=recorded.client_response.data)
    client.metadata |= {EXCHANGE: client.id, SIDE: "client"}
    attempt.request = tutils.treq(
        path=b"/chat/completions", content=jsontext.dumps(jsontext.loads(recorded.upstream_request))
    )
    attempt.response = tutils.tresp(status_code=metadata.status, content=recorded.upstream_body, headers=http.Headers())
    attempt.metadata |= {EXCHANGE: client.id, SIDE: "upstream", PROVIDER: metadata.route.provider}
    attempt.metadata[SPEC] = metadata.spec.as_json()
    attempt.metadata[CHUNKS] = list(metadata.chunks) or [len(recorded.upstream_body)]
    return attempt, client
