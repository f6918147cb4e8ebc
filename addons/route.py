"""Routes Codex's questions to whoever serves the model, and the answers back.

    mitmdump -s addons/route.py --mode reverse:https://api.openai.com

A question (POST /v1/responses, POST /v1/responses/compact) for a model of the routes becomes an attempt: a request of
its own to a provider, converted there and back (`converters.exchange`) while it runs (`addons.layer`). Everything else
passes through to the reverse target, untouched.
"""

import asyncio
import logging
import os
import time
from pathlib import Path
from weakref import WeakKeyDictionary

from mitmproxy import command, ctx, exceptions, http
from mitmproxy.addonmanager import Loader

from addons import asking, compression, config, layer, memory, overview
from addons.conversion import WHOLE, Conversion, is_attempt
from addons.gate import Gate
from addons.health import Health
from addons.routes_file import RoutesFile
from addons.sides import Sides
from addons.surface import Surface, endpoint
from converters import errors, exchange
from converters.errors import RequestError

logger = logging.getLogger(__name__)

_QUESTIONS = {"/responses": False, "/responses/compact": True}
"""endpoint -> whether the client wants a compaction."""


class Route:
    def __init__(self, routes: RoutesFile, sides: Sides) -> None:
        self._routes, self._sides = routes, sides
        self._watching: asyncio.Task[None] | None = None
        self._questions: WeakKeyDictionary[Conversion, exchange.Exchange] = WeakKeyDictionary()

    def load(self, loader: Loader) -> None:
        layer.install()
        loader.add_option("routes", str, "", "TOML file with routes and providers of your own.")
        loader.add_option("request_limit", int, 64, "Largest question that is converted, decoded, in MiB.")
        # mitmproxy's default connects to the reverse target first, and fails every request if that cannot be reached.
        ctx.options.update(connection_strategy="lazy")

    def configure(self, updated: set[str]) -> None:
        if "routes" in updated:
            try:
                self._routes.open(Path(ctx.options.routes).expanduser() if ctx.options.routes else None)
            except (OSError, config.ConfigError) as error:
                raise exceptions.OptionsError(f"routes: {error}") from error

    def running(self) -> None:
        memory.settle()
        self._watching = asyncio.get_running_loop().create_task(self._each_second())

    def done(self) -> None:
        if self._watching:
            self._watching.cancel()

    async def _each_second(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._routes.refresh()
            memory.sweep()

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if _is_question(flow.request) and not is_attempt(flow):
            flow.metadata[WHOLE] = True
            flow.request.stream = False  # which `stream_large_bodies` may have set just before

    def next_attempt(self, conversion: Conversion) -> None:
        """Asked before anything is sent, and again when an attempt failed while nothing had reached the client."""
        if not conversion.attempts or asking.went_stale(conversion):
            if _is_question(conversion.flow.request):
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

    def _ask(self, conversion: Conversion, client: errors.Client, *, without_thinking: bool) -> None:
        self._routes.refresh()
        request = conversion.flow.request
        raw = exchange.load(asking.decoded(request, ctx.options.request_limit))
        model = exchange.model_of(raw)
        target = next(iter(self._routes.current.targets(model, os.environ)), None)
        if target is None:
            logger.info("%s passes through to %s%s", model, request.host, self._hint(model))
            target = asking.reverse_target(request, raw)
        if target is not None:
            now, compact = int(time.time()), _QUESTIONS[endpoint(request)]
            question = exchange.open_exchange(
                raw, target.upstream, now=now, client=client, compact=compact, without_thinking=without_thinking
            )
            self._questions[conversion] = question
            asking.ask(conversion, target, question)
            self._sides.opened(
                conversion, question, target.upstream, model=model, now=now, client=client, compact=compact
            )
            logger.info("%s%s", conversion.flow.comment, _lost(question))

    def _hint(self, model: str) -> str:
        variables = self._routes.current.lacking(model)
        return f" (it would be routed if {' or '.join(variables)} were set)" if variables else ""

    @command.command("routes.show")
    def show(self) -> str:
        """Who answers which model, and which keys are set."""
        return "\n".join(overview.show(self._routes.current, os.environ))

    @command.command("routes.check")
    def check(self, path: str = "") -> str:
        """What is wrong with a routes file; without a path, with the one in use."""
        named = path or ctx.options.routes
        return "\n".join(config.check(Path(named).expanduser() if named else None))


def _is_question(request: http.Request) -> bool:
    return request.method == "POST" and endpoint(request) in _QUESTIONS


def _lost(question: exchange.Exchange) -> str:
    return f", lost: {'; '.join(map(str, question.losses))}" if question.losses else ""


_routes, _sides = RoutesFile(), Sides()
addons = [Gate(), Health(_routes), Surface(_routes), _sides, Route(_routes, _sides)]
