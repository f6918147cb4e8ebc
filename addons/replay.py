"""Script for mitmproxy that answers from recorded cases, without any upstream.

    mitmdump -s addons/replay.py --mode reverse:http://127.0.0.1:9 --set replay=flows/chat

Used in place of addons/route.py. A request is matched against the cases by what matters in it
(`addons.playback.library`), converted by today's code with the case's route, and answered by the recorded bytes in
their recorded chunks (`addons.playback.server`), refusals and drops included. A request that no case answers is
refused, and the error names the nearest cases and what differs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # mitmproxy has put this folder there, not the one above

from addons.runtime import dependencies

dependencies.prepare()

import logging

from mitmproxy import ctx, exceptions, http
from mitmproxy.addonmanager import Loader

from addons.cases.case import Case, CaseError
from addons.endpoints.client_auth import Gate
from addons.endpoints.codex import Surface
from addons.endpoints.health import Health
from addons.exchange.addon import Exchanges
from addons.exchange.client_request import wants_compaction
from addons.inspection.annotations import Annotations
from addons.inspection.content_view import TurnView
from addons.inspection.flow_list import Retention
from addons.layer import ExchangeLayer
from addons.playback.library import Miss, Repertoire
from addons.playback.server import Player
from addons.routing.config_watcher import RoutesFile
from addons.routing.endpoint import Target
from addons.routing.provider import Provider
from addons.routing.router import Route, Routes
from addons.runtime import startup
from converters.conversion import ClientRequest

logger = logging.getLogger(__name__)

_UNREACHABLE = "http://127.0.0.1:1/"
"""Where nobody listens: for an upstream that was out of reach."""

_TIMEOUT_SECONDS = 1.0
"""Of an upstream whose response timed out; to wait for the recorded limit would teach nothing."""


class Replay:
    def __init__(self, routes: RoutesFile) -> None:
        self._routes = routes
        self._repertoire = Repertoire([])
        self._player = Player(self._repertoire)

    @startup.one_line()
    def load(self, loader: Loader) -> None:
        loader.add_option("replay", str, "", "Folder with recorded cases, from which all requests are answered.")
        loader.add_option("replay_pace", bool, False, "Answer at the recorded pace, not as fast as possible.")

    @startup.one_line()
    def configure(self, updated: set[str]) -> None:
        if "replay" in updated:
            try:
                self._open(Path(ctx.options.replay).expanduser() if ctx.options.replay else None)
            except CaseError as error:
                raise exceptions.OptionsError(f"replay: {error}") from error
        if "replay_pace" in updated:
            self._player.paced = ctx.options.replay_pace

    async def running(self) -> None:
        await self._player.start()

    def done(self) -> None:
        self._player.stop()

    def targets(self, request: http.Request, asked: ClientRequest) -> list[Target]:
        """The endpoint that plays the matching case.

        Raises:
            RequestError: no case matches, or this is not a request.
        """
        try:
            chosen = self._repertoire.find(asked.raw, compact=wants_compaction(request))
        except Miss as miss:
            logger.warning("replay: %s", miss)
            raise
        logger.info("replay: %s answers", chosen.name)
        return [self._target(chosen.name, chosen.case)]

    def _target(self, name: str, case: Case) -> Target:
        fault = case.metadata.fault.kind if case.metadata.fault else None
        base_url = _UNREACHABLE if fault == "unreachable" else self._player.base_url(name)
        timeout = _TIMEOUT_SECONDS if fault == "timeout" else None
        return Target(case.metadata.route.upstream(), base_url, "none", first_byte=timeout, idle=timeout)

    def _open(self, folder: Path | None) -> None:
        self._repertoire = self._player.repertoire = Repertoire.of(folder) if folder else Repertoire([])
        models = tuple(sorted({recorded.case.metadata.model for recorded in self._repertoire}))
        provider = Provider(protocol="responses", base_url=_UNREACHABLE, auth="none")
        routes = (Route(models=models, providers=("recorded",)),) if models else ()
        self._routes.current = Routes(routes, {"recorded": provider})


with startup.one_line():
    _routes, _retention = RoutesFile(), Retention()
    _replay = Replay(_routes)
    addons = [
        Gate(),
        Health(_routes),
        Surface(_routes),
        _retention,
        TurnView(),
        ExchangeLayer(),
        Exchanges(_replay.targets),
        Annotations(_retention.exchange),
        _replay,
        startup.Options(),
    ]
