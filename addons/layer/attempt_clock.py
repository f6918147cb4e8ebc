"""How long an attempt may still take, by its `Limits`.

| runs                                            | limit        |
|-------------------------------------------------|--------------|
| until the connection is there                   | `connect`    |
| from the request to the first byte of a body    | `first_byte` |
| from one byte to the next                       | `idle`       |
| from one event with content to the next         | `progress`   |

Comments and pings are bytes without content. The time in which a hook is waited for, as when a person has intercepted
the attempt, counts for none.
"""

import math
import time

from addons.exchange.exchange import Limits


class Clock:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._limit = limits.connect
        self.started_at = self._since = self._progress_since = time.monotonic()
        self._is_sent = False

    def connected(self) -> None:
        """The request goes out."""
        self._limit, self._is_sent = self._limits.first_byte, True
        self.rest()

    def received(self) -> float:
        """A byte of a body came; the time of it."""
        self._limit = self._limits.idle
        self._since = time.monotonic()
        return self._since

    def progressed(self) -> None:
        self._progress_since = self._since

    def rest(self) -> None:
        """What runs begins anew."""
        self._since = self._progress_since = time.monotonic()

    @property
    def left(self) -> float:
        """In seconds."""
        return min(self._silence_left, self._progress_left)

    @property
    def overdue(self) -> str:
        """What took too long, once nothing is left."""
        if self._silence_left <= 0:
            return f"sent nothing for {self._limit:g} s"
        return f"sent nothing but signs of life for {self._limits.progress:g} s"

    @property
    def _silence_left(self) -> float:
        return math.inf if self._limit is None else self._since + self._limit - time.monotonic()

    @property
    def _progress_left(self) -> float:
        limit = self._limits.progress if self._is_sent else None
        return math.inf if limit is None else self._progress_since + limit - time.monotonic()
