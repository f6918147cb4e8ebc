"""GET /health: version, routes, memory, counts of responses, and what cools until when."""

import datetime
import math
import os
import sys
import time
from collections import Counter
from pathlib import Path

import orjson
from mitmproxy import http

from addons import __version__
from addons.exchange.exchange import Exchange
from addons.exchange.flow_metadata import is_attempt
from addons.health.health import AccountHealth, Health
from addons.health.present_keys import PresentKey, present_keys
from addons.routing.account import Account
from addons.routing.config_watcher import ConfigWatcher

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]

_STATM = Path("/proc/self/statm")


class HealthEndpoint:
    """Counts what came of exchanges and attempts, and serves the counts; nothing of what was said.

    Any program on this machine may read it: a key is told by its number alone.
    """

    def __init__(self, watcher: ConfigWatcher, health: Health | None = None) -> None:
        self._watcher, self._health = watcher, health or Health()
        self._started = time.monotonic()
        self._exchanges: Counter[str] = Counter()
        self._attempts: Counter[str] = Counter()

    def request(self, flow: http.HTTPFlow) -> None:
        if flow.response or is_attempt(flow) or flow.request.path.partition("?")[0] != "/health":
            return
        flow.response = http.Response.make(200, orjson.dumps(self.report()), {"content-type": "application/json"})

    def attempt_end(self, exchange: Exchange) -> None:
        self._attempts[str(exchange.attempts[-1].outcome)] += 1

    def exchange_end(self, exchange: Exchange) -> None:
        self._exchanges[str(exchange.outcome)] += 1

    def report(self) -> dict[str, object]:
        return {
            "status": "ok",
            "version": __version__,
            "uptime_seconds": round(time.monotonic() - self._started),
            "routes": [
                {"models": route.models, "providers": route.providers} for route in self._watcher.current.routes
            ],
            "providers": self._watcher.current.usable_providers(os.environ),
            "cooling": self._cooling(),
            "exchanges": dict(self._exchanges),
            "attempts": dict(self._attempts),
            "memory_mb": _memory_mb(),
        }

    def _cooling(self) -> list[dict[str, object]]:
        """Providers, and those of their keys that are set now."""
        if not (cooling := self._health.cooling()):
            return []
        keys = present_keys(self._watcher.current, os.environ)
        return [_row(shown, keys) for shown in cooling if not shown.account.key or shown.account in keys]


def _row(shown: AccountHealth, keys: dict[Account, PresentKey]) -> dict[str, object]:
    """`key` is null for the provider as a whole, `until` for what is parked."""
    key = keys.get(shown.account)
    until = None if math.isinf(shown.until) else datetime.datetime.fromtimestamp(round(shown.until), datetime.UTC)
    return {
        "provider": shown.account.provider,
        "key": key.number if key else None,
        "state": shown.state,
        "until": until,
        "reason": shown.reason,
    }


def _memory_mb() -> int | None:
    """Current resident memory on Linux, peak resident memory elsewhere; None on Windows."""
    if resource is None:
        return None
    try:
        return round(int(_STATM.read_text().split()[1]) * resource.getpagesize() / 2**20)
    except OSError:
        unit_bytes = 1 if sys.platform == "darwin" else 2**10
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_bytes / 2**20)
