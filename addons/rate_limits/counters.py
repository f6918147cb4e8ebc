"""How much of each limit is used now, and how much has been spent today."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, Self

from addons.rate_limits.bucket import Bucket
from addons.rate_limits.scope import Scope
from addons.routing.rate_limits import RateLimits
from addons.state.store import StateStore

_TABLE = "daily_usd"
_DAY = 86_400.0  # seconds
_MOST_USD = 1e9
"""That a stored number may say; more was never spent."""

_MOST_SCOPES = 10_000
"""Beyond it, those that nobody uses are forgotten."""


LIMIT_TEXTS = {
    "concurrent": "{:,} at once",
    "requests_per_minute": "{:,} requests a minute",
    "tokens_per_minute": "{:,} tokens a minute",
    "daily_usd": "{:,g} USD a day",
}


class Lack(NamedTuple):
    """A limit that is used up."""

    scope: Scope
    limit: str
    """For people: `60 requests a minute`."""

    seconds: float | None
    """Until there is enough at the earliest; None where that is when another request ends."""

    @classmethod
    def of(cls, scope: Scope, limit: str, seconds: float | None) -> Self:
        """`limit` is the name of one of `RateLimits`."""
        return cls(scope, LIMIT_TEXTS[limit].format(getattr(scope.limits, limit)), seconds)


class Counters(Protocol):
    """What the line of those who wait stands before; several proxies may share one.

    No method raises: counters that cannot be asked let everything through, and say so in the log.
    """

    async def take(self, scopes: Sequence[Scope], tokens: int) -> list[Lack]:
        """Takes a request, so many tokens and a slot in all of these scopes; or nothing, and says what lacks.

        A call that is cancelled takes nothing.
        """

    def give_back(self, scopes: Sequence[Scope], requests: int, tokens: int, usd: float) -> None:
        """Gives up the slots, and requests and tokens that were taken and not used; negative ones were used beyond.

        It has cost `usd`.
        """


@dataclass(slots=True)
class _Used:
    requests: Bucket | None = None
    tokens: Bucket | None = None
    in_flight: int = 0
    day: int = 0
    usd: float = 0.0
    """Spent on that day, since 1970."""

    def refill(self, limits: RateLimits, now: float) -> None:
        self.requests = _refilled(self.requests, limits.requests_per_minute, now)
        self.tokens = _refilled(self.tokens, limits.tokens_per_minute, now)
        if self.day != (today := int(now // _DAY)):
            self.day, self.usd = today, 0.0

    def count(self, in_flight: int, requests: int, tokens: int) -> None:
        self.in_flight += in_flight
        if self.requests:
            self.requests.take(requests)
        if self.tokens:
            self.tokens.take(tokens)

    def lacks(self, scope: Scope, tokens: int, now: float) -> list[Lack]:
        limits, found = scope.limits, []
        if limits.concurrent is not None and self.in_flight >= limits.concurrent:
            found.append(Lack.of(scope, "concurrent", None))
        if self.requests and (seconds := self.requests.seconds_until(1)):
            found.append(Lack.of(scope, "requests_per_minute", seconds))
        if self.tokens and (seconds := self.tokens.seconds_until(tokens)):
            found.append(Lack.of(scope, "tokens_per_minute", seconds))
        if limits.daily_usd is not None and self.usd >= limits.daily_usd:
            found.append(Lack.of(scope, "daily_usd", (self.day + 1) * _DAY - now))
        return found


def _refilled(bucket: Bucket | None, per_minute: int | None, now: float) -> Bucket | None:
    if per_minute is None:
        return None
    if bucket is None:
        return Bucket(per_minute, now)
    bucket.refill(now, per_minute)
    return bucket


@dataclass
class LocalCounters:
    """Of this proxy alone. What was spent today outlives it in the store."""

    store: StateStore
    clock: Callable[[], float] = time.time
    _used: dict[str, _Used] = field(default_factory=dict, init=False)

    def restore(self) -> None:
        """What was spent today, as the store remembers it."""
        today = int(self.clock() // _DAY)
        for name, row in self.store.load(_TABLE).items():
            match row:
                case {"day": int(day), "usd": int() | float() as usd} if day == today and 0 <= usd < _MOST_USD:
                    self._used[name] = _Used(day=day, usd=float(usd))
                case _:
                    self.store.put(_TABLE, name, None)

    async def take(self, scopes: Sequence[Scope], tokens: int) -> list[Lack]:
        now = self.clock()
        used = [(scope, self._refilled(scope, now)) for scope in scopes]
        if lacks := [lack for scope, scope_used in used for lack in scope_used.lacks(scope, tokens, now)]:
            return lacks
        self.record(scopes, tokens)
        return []

    def record(self, scopes: Sequence[Scope], tokens: int) -> None:
        """Takes it, whether there is enough or not."""
        now = self.clock()
        for scope in scopes:
            self._refilled(scope, now).count(1, 1, tokens)

    def give_back(self, scopes: Sequence[Scope], requests: int, tokens: int, usd: float) -> None:
        now = self.clock()
        for scope in scopes:
            used = self._refilled(scope, now)
            used.count(-1, -requests, -tokens)
            if usd and scope.limits.daily_usd is not None:
                used.usd += usd
                self.store.put(_TABLE, scope.name, {"day": used.day, "usd": used.usd})

    def _refilled(self, scope: Scope, now: float) -> _Used:
        used = self._used.get(scope.name)
        if used is None:
            self._forget_idle()
            used = self._used[scope.name] = _Used()
        used.refill(scope.limits, now)
        return used

    def _forget_idle(self) -> None:
        if len(self._used) >= _MOST_SCOPES:
            self._used = {name: used for name, used in self._used.items() if used.in_flight or used.usd}


class LateCounters:
    """Counters that can be handed out before it is known which ones they are. They change before the first request."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def open(self, counters: Counters) -> None:
        self._counters = counters

    async def take(self, scopes: Sequence[Scope], tokens: int) -> list[Lack]:
        return await self._counters.take(scopes, tokens)

    def give_back(self, scopes: Sequence[Scope], requests: int, tokens: int, usd: float) -> None:
        self._counters.give_back(scopes, requests, tokens, usd)
