"""Sends each request for a model to an upstream, whoever chooses that.

A request (POST /v1/responses, POST /v1/responses/compact) becomes an attempt: a request of its own to an upstream,
converted there and back (`converters.conversion`) while the layer runs it. One whose model nobody serves passes through
to the reverse target, and so does everything else; what fails here is refused.
"""

import logging
import traceback
from collections.abc import Callable
from pathlib import Path

from mitmproxy import ctx, exceptions, http
from mitmproxy.addonmanager import Loader

from addons.exchange import content_encoding, error_response, flow_metadata, upstream_request
from addons.exchange.attempt_planning import plan_attempt, refuse_ourselves
from addons.exchange.client_request import (
    client_of,
    decoded,
    is_below_responses,
    is_model_request,
)
from addons.exchange.exchange import Exchange
from addons.exchange.request_path import request_path
from addons.exchange.retry_policy import RetryPolicy, SameEndpoint
from addons.rate_limits.scope import estimated_tokens
from addons.routing import config
from addons.routing.router import Routed
from addons.runtime import startup
from addons.runtime.printable import printable
from converters.conversion import ClientRequest, load
from converters.errors import Fault, RequestError

logger = logging.getLogger(__name__)

_PASS_THROUGH = ("unlisted", "never")

_HEAD_PATIENCE_SECONDS = 120.0
"""Seconds. Codex waits for the head of a response without limit (seen with 0.169); others give up after five minutes
(Node) or ten (OpenAI's clients), and not all of that is ours."""

type Choose = Callable[[http.Request, ClientRequest], Routed]
"""Who serves a client's request; nobody: no known provider does.

Raises RequestError or config.KeyProblem, which the client reads.
"""


class Exchanges:
    def __init__(self, choose: Choose, policy: RetryPolicy | None = None) -> None:
        self._choose = choose
        self._policy = policy or SameEndpoint()

    @startup.one_line()
    def load(self, loader: Loader) -> None:
        loader.add_option("request_limit", int, 64, "Largest request that is converted, decoded, in MiB.")
        loader.add_option("answer_limit", int, 256, "Largest answer of a provider, decoded, in MiB.")
        loader.add_option("event_limit", int, 64, "Largest event of an answer, or answer that is no stream, in MiB.")
        loader.add_option(
            "pass_through",
            str,
            "unlisted",
            "What goes to the reverse target: `unlisted`, all that no known provider serves, or `never` anything.",
            _PASS_THROUGH,
        )
        # mitmproxy's default connects to the reverse target first, and fails every request if that cannot be reached.
        ctx.options.update(connection_strategy="lazy")

    @startup.one_line()
    def configure(self, updated: set[str]) -> None:
        for limit in updated & {"request_limit", "answer_limit", "event_limit"}:
            if getattr(ctx.options, limit) < 1:
                raise exceptions.OptionsError(f"{limit}: must be at least 1")
        if "pass_through" in updated and ctx.options.pass_through not in _PASS_THROUGH:
            raise exceptions.OptionsError(f"pass_through: must be {' or '.join(_PASS_THROUGH)}")

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if is_below_responses(flow.request) and not flow_metadata.is_attempt(flow):
            flow.metadata[flow_metadata.WHOLE] = ctx.options.request_limit << 20
            flow.request.stream = False  # which `stream_large_bodies` may have set just before

    async def next_attempt(self, exchange: Exchange) -> None:
        try:
            if exchange.retries is None:
                self._start(exchange)
            if exchange.retries is not None:
                await plan_attempt(exchange, exchange.retries)
        except content_encoding.Undecodable as error:
            _refuse(exchange, RequestError(str(error)), error.status)
        except (RequestError, config.KeyProblem) as error:
            _refuse(exchange, error if isinstance(error, RequestError) else RequestError(str(error)))
        except Exception as error:  # the boundary to mitmproxy, which would log it with the client's data
            _refuse(exchange, RequestError(_bug(error)), 500)

    def attempt_end(self, exchange: Exchange) -> None:
        if exchange.retries is not None:
            exchange.retries.attempt_ended(exchange.attempts[-1])

    def exchange_end(self, exchange: Exchange) -> None:
        if exchange.retries is not None:
            exchange.retries.exchange_ended()
            exchange.retries = None  # which refers to the exchange

    def _start(self, exchange: Exchange) -> None:
        request = exchange.flow.request
        exchange.client = client_of(request)
        exchange.head_patience = None if exchange.client == "codex" else _HEAD_PATIENCE_SECONDS
        if is_below_responses(request) and request.raw_content is None:
            return  # which keeps the layer from streaming it: the model is not known before the body is here
        if is_model_request(request):
            self._begin(exchange)
        else:
            self._pass_other(exchange)

    def _pass_other(self, exchange: Exchange) -> None:
        """What is no request for a model passes, unless its body names a model that is served here."""
        request = exchange.flow.request
        is_below = is_below_responses(request)
        client_request = _loaded(request) if is_below else _loaded_elsewhere(request)
        endpoints = self._choose(request, client_request).endpoints if "model" in client_request.raw else ()
        # The reverse target may be the model's own provider, and this a request in another of its protocols.
        if endpoints and (is_below or endpoints[0].address != (request.host, request.port)):
            refused = f"{request.method} {request_path(request)} is not served here for {client_request.model}"
            raise RequestError(printable(f"{refused}, whose answers come from another provider"))
        _pass(exchange)

    def _begin(self, exchange: Exchange) -> None:
        request = exchange.flow.request
        body = decoded(request, ctx.options.request_limit)
        client_request = exchange.request = ClientRequest(load(body))
        logged_model = printable(client_request.model, 100)
        exchange.estimated_tokens = estimated_tokens(body)
        exchange.endpoints, exchange.route = self._choose(request, client_request)
        if not exchange.endpoints:
            _pass(exchange)
            logger.info("%s passes through to %s", logged_model, request.host)
            if (endpoint := upstream_request.reverse_endpoint(request, client_request)) is None:
                return
            exchange.endpoints = [endpoint]
            exchange.pass_through = False
        exchange.retries = self._policy.begin(exchange)


def _refuse(exchange: Exchange, error: RequestError, status: int = 400) -> None:
    exchange.attempt, exchange.pass_through = None, False
    exchange.fault = Fault("bad_request", str(error))
    exchange.flow.response = error_response.refusal(error, exchange.client, status)


def _loaded(request: http.Request) -> ClientRequest:
    body = decoded(request, ctx.options.request_limit)
    return ClientRequest(load(body) if body else {})


def _loaded_elsewhere(request: http.Request) -> ClientRequest:
    """A body that names a model, on a path that is none of ours; whatever else it may be there is let pass."""
    nothing = ClientRequest({})
    if request.raw_content is None:
        return nothing
    try:
        client_request = _loaded(request)
    except (RequestError, content_encoding.Undecodable):
        return nothing
    model = client_request.raw.get("model")
    return client_request if isinstance(model, str) and model else nothing


def _pass(exchange: Exchange) -> None:
    """Raises RequestError where nothing may pass."""
    request = exchange.flow.request
    if ctx.options.pass_through == "never":
        raise RequestError("no provider that is known here serves this, and the option pass_through says `never`")
    refuse_ourselves(request.host, request.port)
    exchange.pass_through = True


def _bug(error: Exception) -> str:
    """What the client reads and the log says of a bug of ours: where it is, but no data of the client's."""
    (place,) = traceback.extract_tb(error.__traceback__, limit=-1)
    where = f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"
    message = f"the proxy failed before it sent the request ({where})"
    logger.error("%s", message)
    return message
