"""Which ways are left for one exchange, in which order, and when each may be asked again."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from addons.failover.backoff import full_jitter, seconds
from addons.failover.causes import CONSEQUENCES, Consequence
from addons.failover.ways import Way
from addons.health.health import Health
from converters.errors import Fault

_PATIENCE = 2.0
"""Seconds that an upstream may ask to wait before another one is tried first."""


@dataclass(frozen=True, slots=True)
class Step:
    """What comes next."""

    ways: Sequence[Way]
    """The best first; another where its limits do not allow it."""

    wait: float = 0.0
    cooling: Sequence[Way] = ()
    """Those that may be asked then, too, but rather not: where the limits of all others are spent."""


@dataclass
class Schedule:
    """`left` are in the order of preference. A way that is asked no more never comes back.

    What cools is asked last, but at once: no exchange waits for the end of a cool-down that it has not seen begin.
    """

    left: list[Way]
    health: Health
    random: Random
    _failures: Counter[str] = field(default_factory=Counter)
    _not_before: dict[Way, float] = field(default_factory=dict)
    _again: Way | None = None
    _was_in_trouble: bool = False
    """The last way, when it was begun: it cooled, or this is the probe of whether it is well again."""

    def begin(self, way: Way) -> None:
        self._was_in_trouble = way not in self._not_before and not self.health.is_well(way.account)

    def fail(self, way: Way, fault: Fault, now: float) -> None:
        """What this failure leads to for the way, its provider, and all others."""
        consequence = CONSEQUENCES[fault.kind]
        concerned = [other for other in self.left if _concerns(other, way, fault, consequence)]
        counted = str(way.account) if consequence.concerns == "key" else way.provider
        self._failures[counted] += 1
        is_hopeless = self._was_in_trouble and not consequence.worth_a_wait
        if self._failures[counted] > consequence.repeats or is_hopeless:
            self.left = [other for other in self.left if other not in concerned]
            return
        wait = max(full_jitter(self._failures[counted] - 1, self.random), seconds(fault.retry_after, now) or 0.0)
        if consequence.others_first:
            wait = max(wait, self._cooling_seconds(way, now))
        self._not_before |= {other: now + wait for other in concerned}
        if wait <= _PATIENCE and not consequence.others_first:
            self._again = way

    def repeat(self, way: Way) -> None:
        """It is asked again at once: it failed for something that is no failure of its own."""
        self._again = way

    def drop(self, provider: str) -> None:
        """It is asked no more."""
        self.left = [way for way in self.left if way.provider != provider]

    def next(self, now: float, longest_wait: float) -> Step | None:
        """None where nothing is left, or nothing for which to wait no longer than this."""
        again, self._again = self._again, None
        possible = [way for way in self.left if self._due(way, now) - now <= longest_wait]
        ranked = sorted(possible, key=lambda way: (way != again, self._rank(way, now)))
        if not ranked:
            return None
        due = self._due(ranked[0], now)
        possible_then = [way for way in ranked[1:] if self._due(way, now) <= due]
        others = [way for way in possible_then if self._rank(way, now) <= due]
        cooling = [way for way in possible_then if way not in others]
        return Step((ranked[0], *others), due - now, cooling)

    def shortest_wait(self, now: float) -> float | None:
        """Seconds until anything that is left may be asked again."""
        return min((self._due(way, now) - now for way in self.left), default=None)

    def _due(self, way: Way, now: float) -> float:
        return max(now, self._not_before.get(way, now))

    def _rank(self, way: Way, now: float) -> float:
        return max(now, self._not_before.get(way, self.health.available_at(way.account)))

    def _cooling_seconds(self, way: Way, now: float) -> float:
        until = self.health.available_at(way.account)
        return until - now if math.isfinite(until) else 0.0


def _concerns(other: Way, failed: Way, fault: Fault, consequence: Consequence) -> bool:
    match consequence.concerns:
        case "key":
            return other == failed
        case "request":
            return True
    return other.provider == failed.provider or (fault.kind == "context_overflow" and _is_no_larger(other, failed))


def _is_no_larger(other: Way, failed: Way) -> bool:
    context, too_small = other.endpoint.context, failed.endpoint.context
    return context is not None and too_small is not None and context <= too_small
