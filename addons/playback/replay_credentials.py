"""Gives attempts that mitmproxy's client replay sends again the provider's present credentials.

No flow holds a key. A flow names its provider itself, and may come from anywhere and be edited: so credentials are sent
only to that provider's address, as the routes have it now (`addons.credentials.header_secrets`).

A client's request that is replayed needs none of this: it is routed like any other.
"""

import logging
import os
from weakref import WeakKeyDictionary

import orjson
from mitmproxy import http

from addons.credentials import header_secrets
from addons.credentials.header_secrets import Destination, Secret
from addons.exchange.flow_metadata import PROVIDER, SPEC, is_attempt
from addons.routing.api_keys import KeyProblem
from addons.routing.config_watcher import ConfigWatcher
from addons.routing.endpoint import ProviderEndpoint
from addons.runtime.printable import printable

logger = logging.getLogger(__name__)


class ReplayCredentials:
    def __init__(self, watcher: ConfigWatcher) -> None:
        self._watcher = watcher
        self._added: WeakKeyDictionary[http.HTTPFlow, list[str]] = WeakKeyDictionary()

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if flow.is_replay != "request" or not is_attempt(flow):
            return
        try:
            endpoint = self._endpoint(flow)
        except KeyProblem as problem:
            logger.warning("replay: %s", problem)
            return
        if endpoint is None or endpoint.own_credentials:
            return
        _, secret = endpoint.shown_headers()
        own = header_secrets.of(flow)  # a user has edited the flow
        destination = Destination.at(endpoint.base_url)
        credentials = secret | endpoint.credentials()
        added = {name: Secret.of(value, destination) for name, value in credentials.items() if name not in own}
        self._added[flow] = list(added)
        header_secrets.keep(flow, added)

    def response(self, flow: http.HTTPFlow) -> None:
        """Forgets the credentials; the next replay reads them again."""
        if (names := self._added.pop(flow, None)) is not None:
            header_secrets.forget(flow, names)

    def error(self, flow: http.HTTPFlow) -> None:
        self.response(flow)

    def _endpoint(self, flow: http.HTTPFlow) -> ProviderEndpoint | None:
        """The provider that the flow names; None if the routes have none of this name."""
        self._watcher.refresh()
        name = str(flow.metadata.get(PROVIDER, ""))
        provider = self._watcher.current.providers.get(name)
        if provider is None:
            logger.warning("replay: no provider is called %s here", printable(name, 100))
            return None
        return provider.endpoint(name, _model(flow), os.environ)


def _model(flow: http.HTTPFlow) -> str:
    """The provider's name of the model, which may decide about credentials; empty if unknown."""
    try:
        route = orjson.loads(str(flow.metadata.get(SPEC, "")))
    except ValueError:
        return ""
    model = route.get("model") if isinstance(route, dict) else None
    return model if isinstance(model, str) else ""
