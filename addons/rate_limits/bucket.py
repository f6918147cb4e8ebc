"""A token bucket: the arithmetic alone, with the time from the caller."""

from dataclasses import dataclass

_MINUTE = 60.0  # seconds
_SHORTEST_WAIT = 1e-4
"""Seconds; less than that is what floating point numbers lose."""


@dataclass(slots=True)
class Bucket:
    """Holds a minute's worth at most, and begins full. What comes in pays what is owed first."""

    per_minute: float
    at: float
    """When it was looked at last, in seconds."""

    level: float = -1.0
    owed: float = 0.0

    def __post_init__(self) -> None:
        if self.level < 0:
            self.level = self.per_minute

    def refill(self, now: float, per_minute: float) -> None:
        """Brings it to this time; a clock that was set back adds nothing. The limit may have changed, too."""
        self._add(max(0.0, now - self.at) * self.per_minute / _MINUTE)
        self.at, self.per_minute = now, per_minute
        self.level = min(self.level, per_minute)

    def seconds_until(self, amount: float) -> float:
        """From `at`, until this amount can be taken. One that is larger than the bucket needs it full."""
        missing = min(amount, self.per_minute) - self.level + self.owed
        seconds = missing * _MINUTE / self.per_minute
        return seconds if seconds >= _SHORTEST_WAIT else 0.0

    def take(self, amount: float) -> None:
        """What is not there is owed. A negative amount is given back."""
        if amount < 0:
            return self._add(-amount)
        taken = min(amount, self.level)
        self.level -= taken
        self.owed += amount - taken

    def _add(self, amount: float) -> None:
        paid = min(amount, self.owed)
        self.owed -= paid
        self.level = min(self.per_minute, self.level + amount - paid)
