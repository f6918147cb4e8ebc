"""Takes over what an earlier program has spent today."""

from addons.rate_limits.counters import LocalCounters


class DailySpend:
    def __init__(self, counters: LocalCounters) -> None:
        self._counters = counters

    def running(self) -> None:
        self._counters.restore()
