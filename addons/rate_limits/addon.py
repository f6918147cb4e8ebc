"""Chooses who counts what is used of the limits: this proxy alone, or all of a fleet together."""

import asyncio

from addons.rate_limits.counters import LateCounters, LocalCounters
from addons.rate_limits.redis_counters import RedisCounters
from addons.state import addon as state
from addons.state.store import StateStore


class LimitCounters:
    """`counters` can be handed out from the start. To be loaded after `State`, whose store it reads."""

    def __init__(self, store: StateStore) -> None:
        self._local = LocalCounters(store)
        self._shared: RedisCounters | None = None
        self._closing: asyncio.Task[None] | None = None
        self.counters = LateCounters(self._local)

    def running(self) -> None:
        if url := state.shared_url():
            self._shared = RedisCounters(url)
            self.counters.open(self._shared)
        else:
            self._local.restore()

    def done(self) -> None:
        """mitmproxy waits for nothing here; what is not said by then, Redis forgets by itself within half a minute."""
        if self._shared:
            self._closing = asyncio.get_running_loop().create_task(self._shared.close())
