"""GET /health: version, routes, memory, and counts of responses."""

import os
import sys
import time
from collections import Counter
from pathlib import Path

import orjson
from mitmproxy import http

from addons import __version__
from addons.conversion import is_attempt
from addons.routing.config_watcher import RoutesFile

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]

_STATM = Path("/proc/self/statm")


class Health:
    """Counts responses by status class, of clients and of attempts, and serves the counts; no content."""

    def __init__(self, routes: RoutesFile) -> None:
        self._routes = routes
        self._started = time.monotonic()
        self._counts: Counter[str] = Counter()

    def request(self, flow: http.HTTPFlow) -> None:
        if flow.response or is_attempt(flow) or flow.request.path.partition("?")[0] != "/health":
            return
        flow.response = http.Response.make(200, orjson.dumps(self.report()), {"content-type": "application/json"})

    def response(self, flow: http.HTTPFlow) -> None:
        self._count(flow, f"status_{flow.response.status_code // 100}xx" if flow.response else "dropped")

    def error(self, flow: http.HTTPFlow) -> None:
        self._count(flow, "dropped")

    def report(self) -> dict[str, object]:
        return {
            "status": "ok",
            "version": __version__,
            "uptime_seconds": round(time.monotonic() - self._started),
            "routes": [{"models": route.models, "providers": route.providers} for route in self._routes.current.routes],
            "providers": self._routes.current.able(os.environ),
            "requests": dict(self._counts),
            "memory_mb": _memory_mb(),
        }

    def _count(self, flow: http.HTTPFlow, outcome: str) -> None:
        side = "attempts" if is_attempt(flow) else "clients"
        self._counts[f"{side}_{outcome}"] += 1


def _memory_mb() -> int | None:
    """Current resident memory on Linux, peak resident memory elsewhere; None on Windows."""
    if resource is None:
        return None
    try:
        return round(int(_STATM.read_text().split()[1]) * resource.getpagesize() / 2**20)
    except OSError:
        unit_bytes = 1 if sys.platform == "darwin" else 2**10
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_bytes / 2**20)
