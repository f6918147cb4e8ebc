"""Has each question of a client answered by an upstream, whoever chooses that one.

A question (POST /v1/responses, POST /v1/responses/compact) becomes an attempt: a request of its own to an upstream,
converted there and back (`converters.exchange`) while it runs (`addons.layer`).
"""

import logging
import time
from collections.abc import Callable
from weakref import WeakKeyDictionary

from mitmproxy import ctx, http
from mitmproxy.addonmanager import Loader

from addons import asking, compression, config, layer
from addons.conversion import WHOLE, Conversion, is_attempt
from addons.sides import Sides
from addons.surface import endpoint
from addons.target import Target
from converters import exchange
from converters.errors import Client, RequestError
from converters.jsontext import Json

logger = logging.getLogger(__name__)

_QUESTIONS = {"/responses": False, "/responses/compact": True}
"""endpoint -> whether the client wants a compaction."""

type Choose = Callable[[http.Request, Json], Target | None]
"""Who answers a client's question, given as its request and its loaded body; None lets it pass as it is.

Raises RequestError or config.KeyProblem, which the client is told.
"""


class Exchanges:
    def __init__(self, choose: Choose, sides: Sides) -> None:
        self._choose, self._sides = choose, sides
        self._questions: WeakKeyDictionary[Conversion, exchange.Exchange] = WeakKeyDictionary()

    def load(self, loader: Loader) -> None:
        layer.install()
        loader.add_option("request_limit", int, 64, "Largest question that is converted, decoded, in MiB.")
        loader.add_option("answer_limit", int, 256, "Largest answer of a provider, decoded, in MiB.")
        loader.add_option("event_limit", int, 64, "Largest event of an answer, or answer that is no stream, in MiB.")
        # mitmproxy's default connects to the reverse target first, and fails every request if that cannot be reached.
        ctx.options.update(connection_strategy="lazy")

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if is_question(flow.request) and not is_attempt(flow):
            flow.metadata[WHOLE] = ctx.options.request_limit << 20
            flow.request.stream = False  # which `stream_large_bodies` may have set just before

    def next_attempt(self, conversion: Conversion) -> None:
        """Asked before anything is sent, and again when an attempt failed while nothing had reached the client."""
        if not conversion.attempts or asking.went_stale(conversion):
            if is_question(conversion.flow.request):
                self._try(conversion)
            return
        question = self._questions[conversion]
        if asking.wants_no_thinking(conversion, question):
            self._try(conversion, without_thinking=True)
        else:
            conversion.flow.response = asking.failure(conversion, question)

    def _try(self, conversion: Conversion, *, without_thinking: bool = False) -> None:
        client = asking.client_of(conversion.flow.request)
        try:
            self._ask(conversion, client, without_thinking=without_thinking)
        except compression.Undecodable as error:
            conversion.flow.response = asking.refusal(RequestError(str(error)), client, error.status)
        except (RequestError, config.KeyProblem) as error:
            refused = error if isinstance(error, RequestError) else RequestError(str(error))
            conversion.flow.response = asking.refusal(refused, client)

    def _ask(self, conversion: Conversion, client: Client, *, without_thinking: bool) -> None:
        request = conversion.flow.request
        raw = exchange.load(asking.decoded(request, ctx.options.request_limit))
        model = exchange.model_of(raw)
        target = self._choose(request, raw)
        if target is None:
            return
        now, compact = int(time.time()), wants_compaction(request)
        question = exchange.open_exchange(
            raw,
            target.upstream,
            now=now,
            client=client,
            compact=compact,
            without_thinking=without_thinking,
            event_limit=ctx.options.event_limit << 20,
        )
        conversion.answer_limit = ctx.options.answer_limit << 20
        self._questions[conversion] = question
        asking.ask(conversion, target, question)
        self._sides.opened(
            conversion,
            question,
            target.upstream,
            model=model,
            now=now,
            client=client,
            compact=compact,
            without_thinking=without_thinking,
        )
        logger.info("%s%s", conversion.flow.comment, _lost(question))


def is_question(request: http.Request) -> bool:
    return request.method == "POST" and endpoint(request) in _QUESTIONS


def wants_compaction(request: http.Request) -> bool:
    return _QUESTIONS[endpoint(request)]


def _lost(question: exchange.Exchange) -> str:
    return f", lost: {'; '.join(map(str, question.losses))}" if question.losses else ""
