"""From a plan to an attempt, as far as the request can be sent there."""

import time

from mitmproxy import ctx

from addons.exchange import flow_metadata, upstream_request
from addons.exchange.client_request import wants_compaction
from addons.exchange.exchange import Attempt, Exchange, Plan, RetryState
from addons.routing import own_addresses
from converters.conversion import ConversionSpec, open_conversion
from converters.errors import RequestError


async def plan_attempt(exchange: Exchange, retries: RetryState) -> None:
    """Has the exchange try what is next, or the next after that which can be sent this request; nothing if none can.

    Raises:
        RequestError: nobody can be sent it, and nobody was.
    """
    first_error: RequestError | None = None
    while plan := await retries.next_plan():
        try:
            exchange.attempt = _attempt(exchange, plan)
        except RequestError as error:
            first_error = first_error or error
            retries.not_convertible(error)
        else:
            return
    if first_error and not exchange.attempts and exchange.flow.response is None:
        raise first_error


def _attempt(exchange: Exchange, plan: Plan) -> Attempt:
    assert exchange.request is not None
    refuse_ourselves(*plan.endpoint.address)
    compact = wants_compaction(exchange.flow.request)
    spec = ConversionSpec(
        plan.endpoint.upstream,
        int(time.time()),
        exchange.client,
        compact,
        plan.reasoning_stripped,
        plan.previous_response_stripped,
    )
    conversion = open_conversion(exchange.request, spec, event_limit=ctx.options.event_limit << 20)
    attempt = upstream_request.attempt(exchange, plan, conversion, answer_limit=ctx.options.answer_limit << 20)
    flow_metadata.note_attempt(exchange.flow, attempt.flow, spec, exchange.model, conversion.losses.total)
    return attempt


def refuse_ourselves(host: str, port: int) -> None:
    """Raises RequestError for an address of this very proxy."""
    servers = ctx.master.addons.get("proxyserver")
    own = [(here, own_port) for here, own_port, *_ in servers.listen_addrs()] if servers else []
    if own_addresses.is_own(host, port, own):
        raise RequestError(f"{host}:{port}, where this request would go, is this very proxy; have one of both move")
