"""How one provider, or one of its keys, has fared: the state machine of its cool-downs.

    ok --failure--> cooling --time--> due --begin--> probing --success--> ok
                       ^                                |
                       +-------------failure------------+

Times are the system's, in seconds since the epoch, since they outlive the program and the machine's sleep. A clock that
jumps back would stretch them: whatever seems to begin in the future is taken to begin now.
"""

import math
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from addons.health.cool_downs import COOL_DOWNS, LONGEST
from addons.routing.account import Account
from converters.errors import Kind
from converters.jsontext import Json

type State = Literal["ok", "cooling", "parked", "due", "probing"]
"""`due`: its cool-down is over, and the next attempt probes it. `parked`: until a person does something about it."""

PROBE_SECONDS = 60.0
"""What a probe may take until another one is let through: a probe that never ends must not keep a cool-down alive."""

_FORGIVEN_AFTER = 3600.0
"""Seconds after the end of a cool-down; a failure later than that is the first in a row again."""

_RECENT_SUCCESS = 0.1
_RECENT_FIRST_BYTE = 0.3
"""How much the latest result weighs in an average, against all before it."""

_USES_HALVE_SECONDS = 600.0


@dataclass(eq=False, slots=True)
class Use:
    """One attempt that is paid by an account, from `Health.begin` to `Health.end`."""

    account: Account
    began: float
    number: int
    """Counts all uses, so that what came before a cool-down can be told from what came after it."""

    records: tuple["Record", ...] = field(default=(), repr=False)
    ended: bool = False


class _Row(BaseModel):
    """What of a record outlives the program. Others may have written it: a row that does not fit is ignored."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    success_rate: Annotated[float, Field(ge=0, le=1)] = 1.0
    first_byte: Annotated[float, Field(ge=0)] | None = None
    failures: Annotated[int, Field(ge=0, le=1000)] = 0
    reason: Kind | None = None
    since: float = 0.0
    until: float | None = None
    """None where there is a reason: parked."""

    used: float = 0.0


@dataclass(eq=False, slots=True)
class Record:
    success_rate: float = 1.0
    """Of the results that say something of the provider or the key; the latest weigh most."""

    first_byte: float | None = None
    """Seconds on average; the latest weigh most."""

    failures: int = 0
    """In a row, those of one cool-down counted once."""

    reason: Kind | None = None
    """Of the cool-down; None where there is none."""

    since: float = 0.0
    until: float = 0.0
    """Of the cool-down; infinite where it is parked."""

    used: float = 0.0
    saved: float = -math.inf
    """When its row was last stored."""

    in_flight: int = 0
    _cooled_at: int = 0
    """The number of the latest use when the cool-down began."""

    _uses: float = 0.0
    _probe: Use | None = None

    def state(self, now: float) -> State:
        self._follow_clock(now)
        if self.reason is None:
            return "ok"
        if math.isinf(self.until):
            return "parked"
        if now < self.until:
            return "cooling"
        return "due" if self._probe is None or now >= self._probe.began + PROBE_SECONDS else "probing"

    def available_at(self, now: float) -> float:
        """When the next attempt may begin: now or earlier where nothing speaks against it, never where it is parked."""
        state = self.state(now)
        if state == "probing" and self._probe is not None:
            return self._probe.began + PROBE_SECONDS
        return 0.0 if state == "ok" else self.until

    def uses(self, now: float) -> float:
        """How much it was used lately: what was ten minutes ago counts half."""
        return self._uses * math.exp2(min(0.0, self.used - now) / _USES_HALVE_SECONDS)

    def begin(self, use: Use, now: float) -> None:
        if self.state(now) == "due":
            self._probe = use
        self._uses = self.uses(now) + 1
        self.used = now
        self.in_flight += 1

    def end(self, use: Use, now: float) -> None:
        """It is over, whatever came of it: another may probe."""
        self._uses, self.used = self.uses(now), now
        self.in_flight = max(0, self.in_flight - 1)
        if self._probe is use:
            self._probe = None

    def succeed(self, use: Use, first_byte: float | None) -> None:
        """Ends the cool-down, unless it began in the course of this very attempt."""
        self._count(1.0)
        if first_byte is not None and 0 <= first_byte < math.inf:
            recent = self.first_byte if self.first_byte is not None else first_byte
            self.first_byte = recent + (first_byte - recent) * _RECENT_FIRST_BYTE
        if self.reason is None or use.number > self._cooled_at:
            self.clear()

    def fail(self, kind: Kind, retry_after: float | None, use: Use, now: float, latest: int) -> bool:
        """Begins a cool-down (True), or makes the one that is on longer where there is a reason to.

        Several attempts that were under way when trouble began are one failure; so are those of a user who has no
        other provider and asks all the same. `latest` is the number of the latest use.
        """
        self._count(0.0)
        rule, state = COOL_DOWNS[kind], self.state(now)
        is_same_trouble = state in ("cooling", "parked") or (state != "ok" and use.number <= self._cooled_at)
        if is_same_trouble and retry_after is None and not rule.parks:
            return False
        if not is_same_trouble:
            is_long_ago = self.reason is not None and now - self.until > _FORGIVEN_AFTER
            self.failures = 1 if is_long_ago else self.failures + 1
        until = now + rule.seconds(self.failures, retry_after)
        if not is_same_trouble or until > self.until:
            self.reason, self.since, self.until, self._cooled_at, self._probe = kind, now, until, latest, None
        return not is_same_trouble

    def clear(self) -> None:
        """As if nothing had ever failed, but for the averages."""
        self.failures, self.reason, self.since, self.until, self._probe = 0, None, 0.0, 0.0, None

    def forget(self) -> None:
        """As if it had never been used, but for what is in flight."""
        self.clear()
        self.success_rate, self.first_byte = 1.0, None

    def take(self, row: Json, latest: int) -> bool:
        """Takes over what was remembered; False where that is none of ours. `latest` is as in `fail`."""
        try:
            known = _Row.model_validate(row)
        except ValidationError:
            return False
        self.success_rate, self.first_byte, self.used = known.success_rate, known.first_byte, known.used
        self.clear()
        if known.reason is not None and (rule := COOL_DOWNS.get(known.reason)):
            parks = known.until is None and math.isinf(rule.first)
            latest_end = math.inf if parks else known.since + LONGEST
            until = latest_end if known.until is None else min(known.until, latest_end)
            self.failures, self.reason, self.since, self.until = known.failures, known.reason, known.since, until
            self._cooled_at = latest
        return True

    def row(self) -> Json:
        """What outlives the program."""
        return {
            "success_rate": self.success_rate,
            "first_byte": self.first_byte,
            "failures": self.failures,
            "reason": self.reason,
            "since": self.since,
            "until": None if math.isinf(self.until) else self.until,
            "used": self.used,
        }

    def _count(self, good: float) -> None:
        self.success_rate += (good - self.success_rate) * _RECENT_SUCCESS

    def _follow_clock(self, now: float) -> None:
        if now < self.since:
            self.since, self.until = now, now + (self.until - self.since)
        if self._probe is not None:
            self._probe.began = min(self._probe.began, now)
        self.used = min(self.used, now)
