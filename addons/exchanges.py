"""Has each question of a client answered by an upstream, whoever chooses that one.

A question (POST /v1/responses, POST /v1/responses/compact) becomes an attempt: a request of its own to an upstream,
converted there and back (`converters.exchange`) while it runs (`addons.layer`). One whose model nobody serves passes
through to the reverse target, and so does everything else; what fails here is refused.
"""

import logging
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from weakref import WeakKeyDictionary

from mitmproxy import ctx, exceptions, http
from mitmproxy.addonmanager import Loader

from addons import asking, layer
from addons.conversion import WHOLE, Conversion, is_attempt
from addons.endpoints.codex import endpoint
from addons.exchange import content_encoding
from addons.routing import config, own_addresses
from addons.routing.endpoint import Target
from addons.runtime import startup
from addons.runtime.printable import printable
from addons.sides import Sides
from converters import exchange
from converters.errors import Client, RequestError
from converters.jsontext import Json

logger = logging.getLogger(__name__)

_PASS_THROUGH = ("unlisted", "never")

_QUESTIONS = {"/responses": False, "/responses/compact": True}
"""endpoint -> whether the client wants a compaction."""

type Choose = Callable[[http.Request, Json], Target | None]
"""Who answers a client's question, given as its request and its loaded body; None: nobody that is known here.

Raises RequestError or config.KeyProblem, which the client is told.
"""


class Exchanges:
    def __init__(self, choose: Choose, sides: Sides) -> None:
        self._choose, self._sides = choose, sides
        self._questions: WeakKeyDictionary[Conversion, exchange.Exchange] = WeakKeyDictionary()

    @startup.one_line()
    def load(self, loader: Loader) -> None:
        layer.install()
        loader.add_option("request_limit", int, 64, "Largest question that is converted, decoded, in MiB.")
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
        if _is_below_a_question(flow.request) and not is_attempt(flow):
            flow.metadata[WHOLE] = ctx.options.request_limit << 20
            flow.request.stream = False  # which `stream_large_bodies` may have set just before

    def next_attempt(self, conversion: Conversion) -> None:
        """Asked before anything is sent, and again when an attempt failed while nothing had reached the client."""
        client = asking.client_of(conversion.flow.request)
        try:
            self._choose_next(conversion, client)
        except content_encoding.Undecodable as error:
            conversion.flow.response = asking.refusal(RequestError(str(error)), client, error.status)
        except (RequestError, config.KeyProblem) as error:
            refused = error if isinstance(error, RequestError) else RequestError(str(error))
            conversion.flow.response = asking.refusal(refused, client)
        except Exception as error:  # the boundary to mitmproxy, which would log it with what the client said
            conversion.flow.response = asking.refusal(RequestError(_bug(error)), client, 500)

    def _choose_next(self, conversion: Conversion, client: Client) -> None:
        request = conversion.flow.request
        if conversion.attempts and not asking.went_stale(conversion):
            question = self._questions[conversion]
            if asking.wants_no_thinking(conversion, question):
                self._ask(conversion, client, without_thinking=True)
            else:
                conversion.flow.response = asking.failure(conversion, question)
        elif _is_below_a_question(request) and request.raw_content is None:
            return  # which keeps the layer from streaming it: nothing can be said before the body is here
        elif is_question(request):
            self._ask(conversion, client)
        else:
            self._pass_other(conversion)

    def _pass_other(self, conversion: Conversion) -> None:
        """Whatever is no question passes, but for what is said to a model that is served here, by another way."""
        request = conversion.flow.request
        is_below = _is_below_a_question(request)
        raw = _loaded(request) if is_below else _loaded_elsewhere(request)
        target = self._choose(request, raw) if "model" in raw else None
        # The reverse target may be the model's own provider, which is asked in another of its protocols.
        if target is not None and (is_below or target.address != (request.host, request.port)):
            refused = f"{request.method} {endpoint(request)} is not served here for {exchange.model_of(raw)}"
            raise RequestError(printable(f"{refused}, whose answers come from another provider"))
        _pass(conversion)

    def _ask(self, conversion: Conversion, client: Client, *, without_thinking: bool = False) -> None:
        request = conversion.flow.request
        raw = exchange.load(asking.decoded(request, ctx.options.request_limit))
        model = exchange.model_of(raw)
        routed = self._choose(request, raw)
        target = routed or asking.reverse_target(request, raw)
        if routed is None:
            _pass(conversion)
            logger.info("%s passes through to %s", printable(model, 100), request.host)
        if target is None:
            return
        _refuse_ourselves(*target.address)
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


def _is_below_a_question(request: http.Request) -> bool:
    return (endpoint(request) + "/").startswith("/responses/")


def _loaded(request: http.Request) -> Json:
    body = asking.decoded(request, ctx.options.request_limit)
    return exchange.load(body) if body else {}


def _loaded_elsewhere(request: http.Request) -> Json:
    """A body that names a model, on a path that is none of ours; whatever else it may be there is let pass."""
    if request.raw_content is None:
        return {}
    try:
        raw = _loaded(request)
    except (RequestError, content_encoding.Undecodable):
        return {}
    return raw if isinstance(raw.get("model"), str) and raw["model"] else {}


def _pass(conversion: Conversion) -> None:
    """Raises RequestError where nothing may pass."""
    request = conversion.flow.request
    if ctx.options.pass_through == "never":
        raise RequestError("no provider that is known here serves this, and the option pass_through says `never`")
    _refuse_ourselves(request.host, request.port)
    conversion.pass_through = True


def _refuse_ourselves(host: str, port: int) -> None:
    servers = ctx.master.addons.get("proxyserver")
    own = [(here, own_port) for here, own_port, *_ in servers.listen_addrs()] if servers else []
    if own_addresses.is_own(host, port, own):
        raise RequestError(f"{host}:{port}, where this request would go, is this very proxy; have one of both move")


def _bug(error: Exception) -> str:
    """What is told and logged of a mistake of ours: where it is, but nothing that the client said."""
    (place,) = traceback.extract_tb(error.__traceback__, limit=-1)
    where = f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"
    told = f"the proxy failed before it asked anybody ({where})"
    logger.error("%s", told)
    return told


def _lost(question: exchange.Exchange) -> str:
    return printable(f", lost: {question.losses.told()}", 2000) if question.losses else ""
