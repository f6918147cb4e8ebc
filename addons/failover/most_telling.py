"""Which of several failures the client reads, where all has failed."""

from collections.abc import Sequence

from addons.exchange.exchange import Attempt
from addons.failover.backoff import seconds
from addons.failover.causes import CONSEQUENCES
from converters.errors import Fault


def most_telling(attempts: Sequence[Attempt], now: float) -> Attempt:
    """A full context, since the client can do something about it; else what time may cure, the last of those that are
    over soonest; else that of the first provider."""
    failed = [(attempt, attempt.fault) for attempt in attempts if attempt.fault is not None]
    overflows = [attempt for attempt, fault in failed if fault.kind == "context_overflow"]
    curable = [(attempt, _wait(fault, now)) for attempt, fault in failed if CONSEQUENCES[fault.kind].time_cures]
    shortest = min((wait for _, wait in curable), default=0.0)
    soonest = [attempt for attempt, wait in curable if wait == shortest]
    return next(iter([*overflows, *reversed(soonest), *attempts]))


def is_worth_telling(fault: Fault) -> bool:
    """Whether the client can do something about it: ask for less, or later."""
    return fault.kind == "context_overflow" or CONSEQUENCES[fault.kind].time_cures


def _wait(fault: Fault, now: float) -> float:
    return seconds(fault.retry_after, now) or 0.0
