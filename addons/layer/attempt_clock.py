"""How long an attempt may still take, by its `Limits`.

| runs                                            | limit        |
|-------------------------------------------------|--------------|
| until the connection is there                   | `connect`    |
| from the request to the first byte of a body    | `first_byte` |
| from one byte to the next                       | `idle`       |
| from one event with content to the next         | `progress`   |
| from the request to the end of the response     | `whole`      |
| from the response's end to that of its message  | a second     |
| from the head of an error to its end            | 10 seconds   |

Comments and pings are bytes without content. `first_byte` grows with the request, which the upstream reads first. The
time in which a hook is waited for, as when a person has intercepted the attempt, counts for none.
"""

import math
import time

from addons.exchange.exchange import Limits

FIRST_BYTE_PER_MIB = 60
"""Seconds that `first_byte` is longer for each MiB of the request."""

_LAST_SECOND = 1.0
"""A connection whose message ends in time can be used again."""

_ERROR_SECONDS = 10.0
"""That the body of an error may take: its status says what matters, and others wait to be tried."""


class Clock:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._limit = limits.connect
        self.started_at = self._since = self._progress_since = self._sent_at = time.monotonic()
        self._held_since: float | None = None
        self._refused_since: float | None = None
        self._is_sent = False
        self._ended_at = math.inf

    def connected(self, request_size: int = 0) -> None:
        """The request goes out; its size is in bytes."""
        first_byte = self._limits.first_byte
        self._limit = None if first_byte is None else first_byte + (FIRST_BYTE_PER_MIB * request_size >> 20)
        self._is_sent = True
        self.rest()
        self._sent_at = self._since

    def received(self) -> float:
        """A byte of a body came; the time of it."""
        self._limit = self._limits.idle
        self._since = time.monotonic()
        return self._since

    def refused(self) -> None:
        """The head of an error came."""
        self._refused_since = time.monotonic()

    def progressed(self) -> None:
        self._progress_since = self._since

    def hold(self) -> None:
        """A hook is waited for from now on, if none was before."""
        self._held_since = self._held_since or time.monotonic()

    def ended(self) -> None:
        """The response is complete; upstreams that keep their message open are not waited for."""
        self._ended_at = min(self._ended_at, time.monotonic())

    def rest(self) -> None:
        """Nothing is waited for any longer: what runs begins anew, but for `whole`, which goes on."""
        self._since = self._progress_since = time.monotonic()
        if self._refused_since is not None:
            self._refused_since = self._since
        if self._held_since is not None:
            self._sent_at += self._since - self._held_since
            self._held_since = None

    @property
    def left(self) -> float:
        """In seconds."""
        ended_left = self._ended_at + _LAST_SECOND - time.monotonic()
        return min(self._silence_left, self._progress_left, self._whole_left, self._error_left, ended_left)

    @property
    def overdue(self) -> str:
        """What took too long, once nothing is left."""
        if self._silence_left <= 0:
            return f"sent nothing for {self._limit:g} s"
        if self._progress_left <= 0:
            return f"sent nothing but signs of life for {self._limits.progress:g} s"
        if self._whole_left <= 0:
            return f"had not finished its answer after {self._limits.whole:g} s"
        return f"had not finished its error after {_ERROR_SECONDS:g} s"

    @property
    def _silence_left(self) -> float:
        return math.inf if self._limit is None else self._since + self._limit - time.monotonic()

    @property
    def _progress_left(self) -> float:
        limit = self._limits.progress if self._is_sent else None
        return math.inf if limit is None else self._progress_since + limit - time.monotonic()

    @property
    def _whole_left(self) -> float:
        limit = self._limits.whole if self._is_sent else None
        return math.inf if limit is None else self._sent_at + limit - time.monotonic()

    @property
    def _error_left(self) -> float:
        since = self._refused_since
        return math.inf if since is None else since + _ERROR_SECONDS - time.monotonic()
