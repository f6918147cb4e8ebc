"""The hooks of exchanges, for any addon:

    next_attempt(exchange)    what is tried next?
    attempt_end(exchange)     `exchange.last_attempt` is over, whatever came of it
    exchange_end(exchange)    the client has its response, or will get none

The two ends come once each, and before the last hook (`response` or `error`) of the flow that they are about. They come
for what is converted or relayed, and for what is refused in its place; not for what passes through, nor for a flow that
mitmproxy's client replay sends again on the attempt's side. mitmproxy's hooks have one argument each.
"""

from dataclasses import dataclass

from mitmproxy.proxy import commands

from addons.exchange.exchange import Exchange


@dataclass
class NextAttemptHook(commands.StartHook):
    """Choose what to try next, or respond to the client, or let the request pass.

    It comes before anything is sent, and again when an attempt failed while nothing had reached the client. Where a
    request's body is to be streamed it comes before the body is there, and only decides whether that may pass.

    An addon may take its time. When the client leaves meanwhile, or a user kills its flow between two attempts,
    `exchange.client_left` is set, so that it need not wait on; all is ended when the hook is over.
    """

    exchange: Exchange


@dataclass
class AttemptEndHook(commands.StartHook):
    exchange: Exchange


@dataclass
class ExchangeEndHook(commands.StartHook):
    exchange: Exchange
