"""Routes Codex's requests to the providers that serve their models, and converts requests and responses.

    mitmdump -s addons/route.py --mode reverse:https://api.openai.com

A request for a model of the routes is sent to a provider (`addons.exchange`). Everything else passes through to the
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

from addons.endpoints.client_auth import ClientAuth
from addons.endpoints.codex import CodexEndpoints
from addons.endpoints.health import HealthEndpoint
from addons.endpoints.metrics import MetricsEndpoint
from addons.exchange.addon import Exchanges
from addons.failover.collaborators import Collaborators
from addons.failover.policy import Failover
from addons.health.addon import HealthCommands
from addons.health.health import TABLE as HEALTH_TABLE
from addons.health.health import Health
from addons.inspection.annotations import Annotations
from addons.inspection.content_view import TurnView
from addons.inspection.flow_retention import FlowRetention
from addons.inspection.mitmweb_style import MitmwebStyle
from addons.layer import ExchangeLayer
from addons.layer.live_bodies import LiveBodies
from addons.lessons.commands import LessonCommands
from addons.lessons.lessons import TABLE as LESSONS_TABLE
from addons.lessons.lessons import Lessons
from addons.playback.client import ReplayClient
from addons.playback.replay_credentials import ReplayCredentials
from addons.rate_limits.addon import LimitCounters
from addons.rate_limits.limiter import RateLimiter
from addons.recording.capture import Capture
from addons.routing import config, report
from addons.routing.config_watcher import ConfigWatcher
from addons.routing.router import Routed
from addons.runtime import startup
from addons.runtime.garbage_collection import GarbageCollection
from addons.state.addon import State
from converters.conversion import ClientRequest

logger = logging.getLogger(__name__)


class Routing:
    def __init__(self, watcher: ConfigWatcher) -> None:
        self._watcher = watcher
        self._timer: asyncio.Task[None] | None = None

    @startup.one_line()
    def load(self, loader: Loader) -> None:
        loader.add_option("routes", str, "", "TOML file with routes and providers of your own.")

    @startup.one_line()
    def configure(self, updated: set[str]) -> None:
        if "routes" in updated:
            try:
                self._watcher.open(Path(ctx.options.routes).expanduser() if ctx.options.routes else None)
            except (OSError, config.ConfigError) as error:
                raise exceptions.OptionsError(f"routes: {error}") from error

    def running(self) -> None:
        self._timer = asyncio.get_running_loop().create_task(self._each_second())

    def done(self) -> None:
        if self._timer:
            self._timer.cancel()

    async def _each_second(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._watcher.refresh()  # which raises nothing

    def endpoints_for(self, request: http.Request, client_request: ClientRequest) -> Routed:
        """Who can answer a request, in the order of preference; nobody where nobody is known.

        Raises:
            RequestError: it names no model, or one that only the routes leave out.
            config.KeyProblem: the provider's key is missing, or cannot be read.
        """
        self._watcher.refresh()
        router = self._watcher.current
        routed = router.routed(client_request.model, os.environ)
        if not routed.endpoints:
            router.check_pass_through(client_request.model, os.environ, request.host)
        return routed

    @command.command("routes.show")
    def show(self) -> Sequence[str]:
        """Which provider serves which model, and which keys are set."""
        lines = report.describe(self._watcher.current, os.environ)
        logger.info("%s", "\n".join(lines))  # mitmweb's command bar knows no table, its event log does
        return lines

    @command.command("keys.show")
    def show_keys(self) -> Sequence[str]:
        """Which API keys are set: the last four characters of each, and the variable that it came from."""
        lines = report.describe_keys(self._watcher.current, os.environ) or ["no key is set"]
        logger.info("%s", "\n".join(lines))
        return lines

    @command.command("routes.check")
    def check(self, path: str = "") -> Sequence[str]:
        """The errors in a routes file, by default in the one in use."""
        named = path or ctx.options.routes
        return config.check(Path(named).expanduser() if named else None)


with startup.one_line():
    _watcher, _retention, _state = ConfigWatcher(), FlowRetention(), State()
    _routing = Routing(_watcher)
    _health, _lessons, _limits = Health(_state.store), Lessons(_state.store), LimitCounters(_state.store)
    _state.remember(HEALTH_TABLE, _health.absorb)
    _state.remember(LESSONS_TABLE, _lessons.absorb)
    _failover = Failover(Collaborators(_health, RateLimiter(_limits.counters, look_again=1.0), _lessons))
    addons = [
        GarbageCollection(),
        ClientAuth(),
        HealthEndpoint(_watcher, _health),
        MetricsEndpoint(_health.cool_downs_begun),
        CodexEndpoints(_watcher),
        _retention,
        TurnView(),
        LiveBodies(),
        MitmwebStyle(),
        ExchangeLayer(),
        Exchanges(_routing.endpoints_for, _failover),
        _failover,
        Annotations(_retention.exchange),
        _routing,
        Capture(_watcher.keys),
        ReplayClient(_watcher),
        ReplayCredentials(_watcher),
        _state,
        _limits,
        HealthCommands(_health, _watcher),
        LessonCommands(_lessons),
        startup.Options(),
    ]
