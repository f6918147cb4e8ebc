"""What must hold when a soak is over; each check gives what is wrong, in words."""

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.soak_load import LEAVES_WAITING
from scripts.soak_proxy import Life
from scripts.soak_upstream import Exchange, Upstreams

_GROWTH = 1.10
"""How much more memory the last third may have than the one before it."""
_SLACK_MB = 6
_WARM_AFTER = 60
"""Seconds: before that memory is still on its way to what it takes."""

_MORE_TASKS = 3
"""Than at the start, when all is over; the one that answers the question is among them."""

_BAD_WORDS = ("Traceback (most recent call last)", "a mistake of ours", "the proxy failed", "Addon error", "set-aside")


@dataclass
class Kill:
    """The proxy is killed and starts again. Times are the event loop's."""

    at: float
    log: str
    cooling: list[Any]
    rows: list[tuple[str, str]] = field(default_factory=list)
    """That were in the state file then."""

    back: float = float("inf")
    cooling_then: list[Any] = field(default_factory=list)

    def explains(self, exchange: Exchange) -> bool:
        """Whether it was in flight, or came while the proxy was down."""
        return exchange.began <= self.back and (exchange.ended or self.at) >= self.at


def exchanges(all_of_them: Iterable[Exchange]) -> Iterator[str]:
    wrong = Counter(
        f"{exchange.kind} ({exchange.depth}) by the route {exchange.route}, {exchange.outcome}: {exchange.problem}"
        for exchange in all_of_them
        if exchange.problem
    )
    yield from (f"{count} x {what}" for what, count in wrong.items())


def resources(life: Life, idle_tasks: int, alive: Mapping[str, Any]) -> Iterator[str]:
    """`idle_tasks` are those at the start, `alive` is told when all is over."""
    third = len(life.memory_mb) // 3
    if len(life.memory_mb) >= _WARM_AFTER:
        middle, last = (statistics.median(life.memory_mb[at : at + third]) for at in (third, 2 * third))
        if last > middle * _GROWTH + _SLACK_MB:
            yield f"memory grew from {middle:.0f} to {last:.0f} MB"
        middle_tasks, last_tasks = (statistics.median(life.tasks[at : at + third]) for at in (third, 2 * third))
        if last_tasks > middle_tasks * 1.3 + 20:
            yield f"tasks grew from {middle_tasks:.0f} to {last_tasks:.0f}"
    if life.descriptors[-1] > life.descriptors[0] + 10:
        yield f"{life.descriptors[-1]} descriptors are open when all is over, {life.descriptors[0]} were at the start"
    if sum(alive["tasks"].values()) > idle_tasks + _MORE_TASKS:
        yield f"tasks when all is over, {idle_tasks} were at the start: {alive['tasks']}"
    if alive["exchanges"]:
        yield f"{alive['exchanges']} exchanges are in memory when all is over"
    yield from (f"when all is over: {line}" for line in alive["health"] if "in flight" in line)


def log(text: str) -> Iterator[str]:
    for words in _BAD_WORDS:
        if words in text:
            at = text.index(words)
            yield f"in the log: {text[max(0, at - 300) : at + 2000]}"


def counts(
    metrics: Mapping[str, float], health: Mapping[str, Any], exchanges: list[Exchange], requests: int
) -> Iterator[str]:
    """The proxy's own, against what clients and upstreams saw of the same time."""
    ended, attempts = metrics["transcodex_exchanges_total"], metrics["transcodex_attempts_total"]
    if (sum(health["exchanges"].values()), sum(health["attempts"].values())) != (ended, attempts):
        yield f"/health and /metrics differ: {health['exchanges']}, {health['attempts']}; {ended:.0f}, {attempts:.0f}"
    firsts = attempts - metrics.get("transcodex_failovers_total", 0)
    early = sum(exchange.kind == LEAVES_WAITING for exchange in exchanges)
    """Their clients may have left before there was an exchange."""
    if not len(exchanges) - early <= ended <= len(exchanges):
        yield f"{ended:.0f} exchanges were counted, {len(exchanges)} were made"
    left = sum(exchange.left is not None for exchange in exchanges)
    if not requests <= attempts <= requests + left:
        yield f"{attempts:.0f} attempts were counted, the upstreams saw {requests}"
    without = sum(not exchange.attempts for exchange in exchanges)
    if not 0 <= ended - firsts <= without:
        yield f"{ended:.0f} exchanges had {firsts:.0f} first attempts, where only {without} need none"


def after_kill(kill: Kill, upstreams: Upstreams) -> Iterator[str]:
    """What was remembered before the kill holds after it."""
    yield from (f"before the kill, {problem}" for problem in log(kill.log))
    tables = Counter(table for table, _ in kill.rows)
    yield from (f"no {table} was kept" for table in ("health", "lessons") if not tables[table])
    parked = [row for row in kill.cooling if row["state"] == "parked" or row["reason"] == "quota"]
    if not parked:
        yield "no key was parked before the kill"
    yield from (f"forgotten by the kill: {row}" for row in parked if row not in kill.cooling_then)
    if any(at > kill.at and is_first for at, is_first in upstreams.refused_keys):
        yield "after the kill, a parked key was used first"
    if again := sum(at > kill.at for at in upstreams.refused_usage):
        yield f"after the kill, {again} requests went against a lesson"
