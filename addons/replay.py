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
from addons.endpoints.client_auth import ClientAuth
from addons.endpoints.codex import CodexEndpoints
from addons.endpoints.health import HealthEndpoint
from addons.endpoints.metrics import MetricsEndpoint
from addons.exchange.addon import Exchanges
from addons.exchange.client_request import wants_compaction
from addons.inspection.annotations import Annotations
from addons.inspection.content_view import TurnView
from addons.inspection.flow_retention import FlowRetention
from addons.layer import ExchangeLayer
from addons.playback.library import CaseLibrary, NoMatchingCase
from addons.playback.server import PlaybackServer
from addons.routing.config_watcher import ConfigWatcher
from addons.routing.endpoint import ProviderEndpoint
from addons.routing.provider import Provider
from addons.routing.router import Route, Routed, Router
from addons.runtime import startup
from converters.conversion import ClientRequest

logger = logging.getLogger(__name__)

_UNREACHABLE = "http://127.0.0.1:1/"
"""Where nobody listens: for an upstream that was out of reach."""

_TIMEOUT_SECONDS = 1.0
"""Of an upstream whose response timed out; to wait for the recorded limit would teach nothing."""


class Replay:
    def __init__(self, watcher: ConfigWatcher) -> None:
        self._watcher = watcher
        self._library = CaseLibrary([])
        self._playback_server = PlaybackServer(self._library)

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
            self._playback_server.paced = ctx.options.replay_pace

    async def running(self) -> None:
        await self._playback_server.start()

    def done(self) -> None:
        self._playback_server.stop()

    def endpoints_for(self, request: http.Request, client_request: ClientRequest) -> Routed:
        """The endpoint that plays the matching case.

        Raises:
            RequestError: no case matches, or this is not a request.
        """
        try:
            chosen = self._library.find(client_request.raw, compact=wants_compaction(request))
        except NoMatchingCase as miss:
            logger.warning("replay: %s", miss)
            raise
        logger.info("replay: %s answers", chosen.name)
        return Routed([self._endpoint(chosen.name, chosen.case)])

    def _endpoint(self, name: str, case: Case) -> ProviderEndpoint:
        fault = case.metadata.fault.kind if case.metadata.fault else None
        base_url = _UNREACHABLE if fault == "unreachable" else self._playback_server.base_url(name)
        timeout = _TIMEOUT_SECONDS if fault == "timeout" else None
        return ProviderEndpoint(case.metadata.route.upstream(), base_url, "none", first_byte=timeout, idle=timeout)

    def _open(self, folder: Path | None) -> None:
        self._library = self._playback_server.library = CaseLibrary.of(folder) if folder else CaseLibrary([])
        models = tuple(sorted({recorded.case.metadata.model for recorded in self._library}))
        provider = Provider(protocol="responses", base_url=_UNREACHABLE, auth="none")
        routes = (Route(models=models, providers=("recorded",)),) if models else ()
        self._watcher.current = Router(routes, {"recorded": provider})


with startup.one_line():
    _watcher, _retention = ConfigWatcher(), FlowRetention()
    _replay = Replay(_watcher)
    addons = [
        ClientAuth(),
        HealthEndpoint(_watcher),
        MetricsEndpoint(),
        CodexEndpoints(_watcher),
        _retention,
        TurnView(),
        ExchangeLayer(),
        Exchanges(_replay.endpoints_for),
        Annotations(_retention.exchange),
        _replay,
        startup.Options(),
    ]
