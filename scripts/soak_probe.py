"""An addon for the soak: GET /soak tells what is alive in the proxy, GET /soak?reset forgets what failed first."""

import asyncio
import gc
import json
from collections import Counter
from weakref import WeakSet

from mitmproxy import ctx, http

from addons.exchange.exchange import Exchange


class Probe:
    def __init__(self) -> None:
        self._exchanges: WeakSet[Exchange] = WeakSet()

    def next_attempt(self, exchange: Exchange) -> None:
        self._exchanges.add(exchange)

    def request(self, flow: http.HTTPFlow) -> None:
        path, _, query = flow.request.path.partition("?")
        if path != "/soak":
            return
        if query == "reset":
            ctx.master.commands.call("health.reset")
        if query == "collect":
            gc.collect()
        flow.response = http.Response.make(200, json.dumps(self._alive()), {"content-type": "application/json"})

    def _alive(self) -> dict[str, object]:
        coroutines = (task.get_coro() for task in asyncio.all_tasks())
        return {
            "tasks": Counter(getattr(coroutine, "__qualname__", str(coroutine)) for coroutine in coroutines),
            "exchanges": len(self._exchanges),
            "health": ctx.master.commands.call("health.show"),
        }


addons = [Probe()]
