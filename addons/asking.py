"""From a client's question to a provider's request, and from a failed attempt to what the client is told.

Between mitmproxy's flows and the converters' values, for one exchange; `addons.route` decides, this builds.
"""

import re

from mitmproxy import connection, http

from addons.conversion import Conversion
from addons.credentials import header_secrets
from addons.exchange import content_encoding
from addons.routing.endpoint import Target
from converters import errors, exchange
from converters.errors import Client, RequestError
from converters.jsontext import Json
from converters.protocols import PROTOCOLS, RESPONSES

_USER_AGENT = "transcodex"  # some providers' front doors refuse requests without any

MOST_OF_AN_ERROR = 1 << 16
"""Bytes that are read of an upstream's error, decoded."""

_VERSION = re.compile(r"[^/]+/(\d{1,9})\.(\d{1,9})\.\d")

# Headers of the client that belong to its connection or its body, not to its question.
_OWN_TO_THE_CLIENT = {
    *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"),
    *("transfer-encoding", "upgrade", "host", "via", "content-length", "content-encoding", "accept-encoding"),
}


def client_of(request: http.Request) -> Client:
    """Codex marks its requests, whatever program it runs in; its version stands first in `user-agent`."""
    is_codex = any(name.lower().startswith("x-codex-") for name in request.headers) or request.headers.get(
        "originator", ""
    ).startswith("codex")
    if not is_codex:
        return "other"
    version = _VERSION.match(request.headers.get("user-agent", ""))
    is_older = version is not None and tuple(map(int, version.groups())) < (0, 169)
    # What does not ask for a stream (older ones' compaction) must be told by a status.
    return "older-codex" if is_older and "event-stream" in request.headers.get("accept", "") else "codex"


def decoded(request: http.Request, limit_mib: int) -> bytes:
    """The request's body, freed from content encoding.

    Raises:
        compression.Undecodable: corrupt, too large, or in an encoding that nobody knows.
    """
    encoding = request.headers.get("content-encoding", "")
    return content_encoding.decode(request.raw_content or b"", encoding, limit=limit_mib * 2**20)


def reverse_target(request: http.Request, raw: Json) -> Target | None:
    """The reverse target as a provider, for a question that OpenAI would refuse as it is. None: let it pass."""
    if exchange.passes_as_it_is(raw):
        return None
    model = exchange.model_of(raw)
    version = "/v1" if request.path.startswith("/v1/") else "/"
    upstream = exchange.Upstream(request.host, RESPONSES, model, PROTOCOLS[RESPONSES].dialect())
    return Target(upstream, f"{request.scheme}://{request.host}:{request.port}{version}", "client")


def ask(conversion: Conversion, target: Target, question: exchange.Exchange) -> None:
    """Sets the conversion's next attempt."""
    flow = conversion.flow
    forwarded, own = _forwarded(flow) if target.own_credentials else ({}, {})
    shown, secret = target.shown_headers()
    headers = {
        "user-agent": _USER_AGENT,
        **forwarded,
        "content-type": "application/json",
        "accept": "text/event-stream" if question.stream else "application/json, text/event-stream",
        **question.headers,
        **shown,
    }
    url = target.url(question.path)
    attempt = http.HTTPFlow(flow.client_conn, connection.Server(address=None))
    fields = [(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in headers.items()]
    attempt.request = http.Request.make("POST", url, question.body, fields)
    if own:  # not to be had again when somebody replays the attempt
        header_secrets.keep(attempt, {name: header_secrets.Secret.of(value) for name, value in own.items()})
    conversion.attempt = attempt
    conversion.answer = question
    conversion.credentials = own | secret | target.credentials()
    conversion.who = target.upstream.who
    conversion.connect, conversion.first_byte = target.connect, target.first_byte
    conversion.idle, conversion.progress = target.idle, target.progress


def _forwarded(flow: http.HTTPFlow) -> tuple[dict[str, str], dict[str, str]]:
    """The client's own headers for a provider that takes its credentials, and these apart, see `withheld`."""
    headers = flow.request.headers
    stay = _OWN_TO_THE_CLIENT | {name.strip().lower() for name in headers.get("connection", "").split(",")}
    shown = {
        name.lower(): value
        for name, value in headers.items()
        if name.lower() not in stay and not header_secrets.is_secret(name)
    }
    return shown, {name: value for name, value in header_secrets.credentials(flow).items() if name not in stay}


def went_stale(conversion: Conversion) -> bool:
    """Whether the first attempt met a kept connection that its upstream had closed: it never saw the question."""
    attempt, *others = conversion.attempts
    if others or attempt.response is not None or conversion.fault is None or conversion.fault.kind != "cut":
        return False
    opened = attempt.server_conn.timestamp_start
    return opened is not None and opened < attempt.request.timestamp_start


def wants_no_thinking(conversion: Conversion, question: exchange.Exchange) -> bool:
    """Whether the last attempt was refused for the thread's earlier thinking."""
    refused = conversion.attempts[-1].response
    if conversion.fault is not None or refused is None:
        return False
    return question.blames_thinking(refused.status_code, _readable(refused))


def failure(conversion: Conversion, question: exchange.Exchange) -> http.Response:
    """What the client is told when no attempt is left."""
    if conversion.fault is not None:
        return response(errors.answer(conversion.fault, client_of(conversion.flow.request)))
    refused = conversion.attempts[-1].response
    assert refused is not None
    return response(question.refused(refused.status_code, dict(refused.headers.items()), _readable(refused)))


def refusal(error: RequestError, client: Client, status: int = 400) -> http.Response:
    """A question that goes nowhere; Codex is told 400 whatever it is, since it retries the others in vain."""
    told = errors.refusal(error, client)
    return response(errors.Answer(status if client == "other" else told.status, told.headers, told.body))


def _readable(refused: http.Response) -> bytes:
    """What an error says; no more of it is decoded than anybody reads."""
    encoding = refused.headers.get("content-encoding", "")
    return content_encoding.beginning(refused.raw_content or b"", encoding, limit=MOST_OF_AN_ERROR)


def response(answer: errors.Answer) -> http.Response:
    return http.Response.make(answer.status, answer.body, answer.headers)
