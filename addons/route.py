"""Routes Codex's questions to whoever serves the model, and the answers back.

    mitmdump -s addons/route.py --mode reverse:https://api.openai.com

A question for a model of the routes is asked of a provider (`addons.exchange`). Everything else passes through to the
reverse target, untouched.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # mitmproxy has put this folder there, not the one above

from addons.runtime import dependencies

dependencies.prepare()

import asyncio
import logging
import os
from collections.abc import Sequence

from mitmproxy import command, ctx, exceptions, http
from mitmproxy.addonmanager import Loader

from addons.endpoints.client_auth import Gate
from addons.endpoints.codex import Surface
from addons.endpoints.health import Health
from addons.exchange.addon import Exchanges
from addons.inspection.annotations import Annotations
from addons.inspection.content_view import TurnView
from addons.inspection.flow_list import Retention
from addons.inspection.mitmweb_style import PageStyle
from addons.layer import ExchangeLayer
from addons.layer.live_bodies import LiveBodies
from addons.playback.client import Resend
from addons.playback.client_replay import ClientReplay
from addons.recording.capture import Capture
from addons.routing import config, report
from addons.routing.config_watcher import RoutesFile
from addons.routing.endpoint import Target
from addons.runtime import startup
from addons.runtime.garbage_collection import Memory
from converters.conversion import ClientRequest

logger = logging.getLogger(__name__)


class Route:
    def __init__(self, routes: RoutesFile) -> None:
        self._routes = routes
        self._watching: asyncio.Task[None] | None = None

    @startup.one_line()
    def load(self, loader: Loader) -> None:
        loader.add_option("routes", str, "", "TOML file with routes and providers of your own.")

    @startup.one_line()
    def configure(self, updated: set[str]) -> None:
        if "routes" in updated:
            try:
                self._routes.open(Path(ctx.options.routes).expanduser() if ctx.options.routes else None)
            except (OSError, config.ConfigError) as error:
                raise exceptions.OptionsError(f"routes: {error}") from error

    def running(self) -> None:
        self._watching = asyncio.get_running_loop().create_task(self._each_second())

    def done(self) -> None:
        if self._watching:
            self._watching.cancel()

    async def _each_second(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._routes.refresh()  # which raises nothing

    def targets(self, request: http.Request, asked: ClientRequest) -> list[Target]:
        """Who can answer a request, in the order of preference; nobody where nobody is known.

        Raises:
            RequestError: it names no model, or one that only the routes leave out.
            config.KeyProblem: the provider's key is missing, or cannot be read.
        """
        self._routes.refresh()
        routes = self._routes.current
        if targets := routes.targets(asked.model, os.environ):
            return targets
        routes.check_pass_through(asked.model, os.environ, request.host)
        return []

    @command.command("routes.show")
    def show(self) -> Sequence[str]:
        """Who answers which model, and which keys are set."""
        lines = report.show(self._routes.current, os.environ)
        logger.info("%s", "\n".join(lines))  # mitmweb's command bar knows no table, its event log does
        return lines

    @command.command("routes.check")
    def check(self, path: str = "") -> Sequence[str]:
        """What is wrong with a routes file; without a path, with the one in use."""
        named = path or ctx.options.routes
        return config.check(Path(named).expanduser() if named else None)


with startup.one_line():
    _routes, _retention = RoutesFile(), Retention()
    _route = Route(_routes)
    addons = [
        Memory(),
        Gate(),
        Health(_routes),
        Surface(_routes),
        _retention,
        TurnView(),
        LiveBodies(),
        PageStyle(),
        ExchangeLayer(),
        Exchanges(_route.targets),
        Annotations(_retention.exchange),
        _route,
        Capture(_routes.keys),
        Resend(_routes),
        ClientReplay(_routes),
        startup.Options(),
    ]
