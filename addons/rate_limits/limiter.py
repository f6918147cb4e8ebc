"""Lets requests through as the limits allow, and keeps the others in line: first come, first served.

A request may have several ways, such as the keys of a provider. Who waits stands before each limit that is used up for
it, and nobody who came later gets anything of that scope before. What is used is counted elsewhere (`counters.py`).
"""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from addons.rate_limits.counters import Counters, Lack
from addons.rate_limits.scope import Scope

_LONGEST_LINE = 1000  # requests
_SLOT_SECONDS = 5.0
"""After which to come again where no slot is free: nobody knows when one will be."""

_SHORTEST_SLEEP = 0.001  # seconds
_LACKS_SHOWN = 4

type _Way = tuple[Scope, ...]
type _Lacks = list[list[Lack]]
"""Of each way, what it lacks."""


@dataclass(eq=False)
class Lease:
    """What a request took from the limits, until it ends."""

    tokens: int
    """As many as were taken, before anybody knew."""

    _give_back: Callable[[int, int, float], None] | None = field(repr=False)
    """With requests, tokens and what it has cost; None once it was called."""

    def release(self, tokens: int | None = None, usd: float = 0.0) -> None:
        """The request has ended and has used this much; None where nobody counted. Only the first call counts."""
        self._end(0, 0 if tokens is None else self.tokens - tokens, usd)

    def undo(self) -> None:
        """There was no request."""
        self._end(1, self.tokens, 0.0)

    def _end(self, requests: int, tokens: int, usd: float) -> None:
        give_back, self._give_back = self._give_back, None
        if give_back:
            give_back(requests, tokens, usd)


@dataclass(frozen=True, slots=True)
class Granted:
    index: int
    """Of the way that is free."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Spent:
    retry_after: float
    """Seconds after which there may be enough, at the earliest."""

    message: str
    """For people: what is used up, and by whose limit."""


_LEFT = Spent(0.0, "the client has left")


@dataclass(eq=False)
class _Waiter:
    ways: list[_Way]
    tokens: int
    until: float
    """By the loop's clock."""

    result: asyncio.Future[Granted | Spent]
    lacks: _Lacks = field(default_factory=list)
    """When it was looked at last; empty before that."""

    _names: list[set[str]] = field(init=False)

    def __post_init__(self) -> None:
        self._names = [{scope.name for scope in way} for way in self.ways]

    def is_behind(self, claimed: Mapping[str, Lack]) -> bool:
        """Whether somebody who came before waits on each of its ways."""
        return not any(claimed.keys().isdisjoint(names) for names in self._names)


class RateLimiter:
    """`look_again`: seconds after which limits are looked at again that others than this proxy may have freed."""

    def __init__(self, counters: Counters, look_again: float = math.inf, longest_line: int = _LONGEST_LINE) -> None:
        self._counters = counters
        self._look_again = look_again
        self._longest_line = longest_line
        self._line: dict[_Waiter, None] = {}  # in the order of their coming
        self._claimed: dict[str, Lack] = {}  # by the scope's name: what somebody in the line waits for
        self._again = math.inf
        """By the loop's clock: when there is reason to look at the line again, if nothing changes."""

        self._changed = asyncio.Event()
        self._looking = asyncio.Lock()
        self._server: asyncio.Task[None] | None = None
        """Runs as long as anybody waits."""

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return len(self._line)

    async def acquire_any(
        self, options: Sequence[Sequence[Scope]], tokens: int, wait: float, left: asyncio.Event
    ) -> Granted | Spent:
        """The first way whose limits all allow it, at once or within `wait` seconds, as long as `left` is not set.

        It is over at once where no way can be free in that time. `tokens` is an estimate. A request that is larger than
        what is allowed in a minute waits for all of that.
        """
        ways = [tuple(option) for option in options]
        if ways and not ways[0]:
            return Granted(0, Lease(tokens, None))
        if left.is_set():
            return _LEFT
        if len(self._line) >= self._longest_line:
            return self._in_spite_of_the_line(ways, tokens)
        loop = asyncio.get_running_loop()
        waiter = _Waiter(ways, tokens, loop.time() + wait, loop.create_future())
        self._line[waiter] = None
        try:
            await self._arrive(waiter)
            if not waiter.result.done():
                self._serve()
                await _either(waiter.result, left, waiter.until - loop.time())
        except asyncio.CancelledError:
            self._leave(waiter)
            raise
        if waiter.result.done() and not left.is_set():
            return waiter.result.result()
        self._leave(waiter)
        return _LEFT if left.is_set() else _spent(waiter.lacks)

    def _in_spite_of_the_line(self, ways: list[_Way], tokens: int) -> Granted | Spent:
        if () in ways:
            return Granted(ways.index(()), Lease(tokens, None))
        return Spent(_SLOT_SECONDS, f"{len(self._line):,} requests wait already for what the limits allow")

    def _leave(self, waiter: _Waiter) -> None:
        """It takes nothing, also where it was just served."""
        self._line.pop(waiter, None)
        if not waiter.result.done():
            waiter.result.cancel()
        elif isinstance(granted := waiter.result.result(), Granted):
            granted.lease.undo()
        self._changed.set()

    def _serve(self) -> None:
        if self._server is None or self._server.done():
            self._server = asyncio.get_running_loop().create_task(self._serve_until_nobody_waits())

    async def _serve_until_nobody_waits(self) -> None:
        loop = asyncio.get_running_loop()
        while self._line:
            async with self._looking:
                await self._look_at_all()
            if self._line:
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(self._again - loop.time(), _SHORTEST_SLEEP)):
                        await self._changed.wait()

    async def _arrive(self, waiter: _Waiter) -> None:
        """Looks at who comes; at the others before it only if something has changed for them."""
        async with self._looking:
            if self._changed.is_set():
                await self._look_at_all()
                return
            planned = self._again
            await self._look_at(waiter)
            if self._again < planned:
                self._changed.set()

    async def _look_at_all(self) -> None:
        self._changed.clear()
        self._claimed, self._again = {}, math.inf
        for waiter in list(self._line):
            if not waiter.lacks or not waiter.is_behind(self._claimed):
                await self._look_at(waiter)

    async def _look_at(self, waiter: _Waiter) -> None:
        """Serves it, or refuses it where no way is free in its time, or has it wait for those that will be."""
        now = asyncio.get_running_loop().time()
        found = await self._take(waiter.ways, waiter.tokens, self._claimed)
        if isinstance(found, Granted):
            self._tell(waiter, found)
        elif viable := _viable(found, waiter.until - now):
            waiter.lacks = found
            for lack in (lack for lacks in viable for lack in lacks):
                self._claimed.setdefault(lack.scope.name, lack)
            again = min(_seconds(lacks) or math.inf for lacks in viable)
            self._again = min(self._again, now + min(again, self._look_again))
        else:
            self._tell(waiter, _spent(found))

    def _tell(self, waiter: _Waiter, result: Granted | Spent) -> None:
        self._line.pop(waiter, None)
        if not waiter.result.done():
            waiter.result.set_result(result)
        elif isinstance(result, Granted):  # it left while the counters were asked
            result.lease.undo()

    async def _take(self, ways: list[_Way], tokens: int, claimed: Mapping[str, Lack]) -> Granted | _Lacks:
        found: _Lacks = []
        for index, way in enumerate(ways):
            lacks = [claimed[scope.name] for scope in way if scope.name in claimed]
            lacks = lacks or (await self._counters.take(way, tokens) if way else [])
            if not lacks:
                return Granted(index, self._lease(way, tokens))
            found.append(lacks)
        return found

    def _lease(self, way: _Way, tokens: int) -> Lease:
        def give_back(requests: int, tokens: int, usd: float) -> None:
            self._counters.give_back(way, requests, tokens, usd)
            self._changed.set()

        return Lease(tokens, give_back if way else None)


async def _either(result: asyncio.Future[Granted | Spent], left: asyncio.Event, seconds: float) -> None:
    leaving = asyncio.ensure_future(left.wait())
    try:
        await asyncio.wait((result, leaving), timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()


def _seconds(lacks: list[Lack]) -> float:
    """Until they may all be there; a slot may be free at any time."""
    return max(lack.seconds or 0.0 for lack in lacks)


def _viable(found: _Lacks, wait: float) -> _Lacks:
    """Of the ways that are worth waiting for."""
    return [lacks for lacks in found if _seconds(lacks) < wait]


def _spent(found: _Lacks) -> Spent:
    ways = [max(_SLOT_SECONDS if lack.seconds is None else lack.seconds for lack in lacks) for lacks in found]
    texts = list(dict.fromkeys(f"{lack.limit} for {lack.scope.label}" for lacks in found for lack in lacks))
    more = [f"and {len(texts) - _LACKS_SHOWN} more"] if len(texts) > _LACKS_SHOWN else []
    shown = ", ".join([*texts[:_LACKS_SHOWN], *more])
    return Spent(min(ways, default=_SLOT_SECONDS), f"no more is allowed now: {shown}")
