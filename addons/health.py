"""GET /health: is the proxy well, and what has it done."""

import os
import resource
import time
from collections import Counter
from importlib.metadata import version

import orjson
from mitmproxy import http

from addons.conversion import is_attempt
from addons.routes_file import RoutesFile


class Health:
    """Counts answers and serves the counts; nothing of what was said."""

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
            "version": version("transcodex"),
            "uptime_seconds": round(time.monotonic() - self._started),
            "routes": [{"models": one.models, "providers": one.providers} for one in self._routes.current.routes],
            "providers": self._routes.current.able(os.environ),
            "requests": dict(self._counts),
            "memory_mb": round(_resident_bytes() / 2**20),
        }

    def _count(self, flow: http.HTTPFlow, outcome: str) -> None:
        side = "attempts" if is_attempt(flow) else "clients"
        self._counts[f"{side}_{outcome}"] += 1


def _resident_bytes() -> int:
    """Resident memory now where the system tells it, else the most it ever was (macOS counts that in bytes)."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
