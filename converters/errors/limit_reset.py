"""When a rate limit is over, by the headers that tell of each limit: `x-ratelimit-reset-tokens: 6m0s` and its kin.

| header                                                  | value                                     |
|---------------------------------------------------------|-------------------------------------------|
| x-ratelimit-reset-requests, -tokens (OpenAI, Groq)      | `250ms`, `1s`, `6m0s`                     |
| anthropic-ratelimit-requests-reset, -tokens-reset, ...  | `2026-10-21T07:28:00Z`                    |
| x-ratelimit-reset (OpenRouter, GitHub)                  | seconds, or an epoch in (milli)seconds    |

They stand in every response. A limit counts of which nothing remains; where none says so, the one that is over first.
"""

import re
from calendar import timegm
from collections.abc import Iterator, Mapping

from converters.errors.retry_after import duration, wait_until

_RESET = re.compile(r"(?:x|anthropic)-ratelimit-(?:[a-z-]{1,40}-)?reset(?:-[a-z-]{1,40})?")
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")
_ISO = re.compile(
    r"(20[0-9]{2})-(0[1-9]|1[0-2])-([0-2][0-9]|3[01])[T ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]{1,9})?"
    r"(?:Z|([+-])([0-9]{2}):?([0-9]{2}))?"
)
_EPOCH, _EPOCH_IN_MILLISECONDS = 1e9, 1e12
"""Numbers from these on are no seconds to wait."""


def limit_reset(headers: Mapping[str, str]) -> int | str | None:
    """As `retry_after`; for a response that is refused for a rate limit."""
    values = {name.lower(): value.strip() for name, value in headers.items()}
    waits = list(_waits(values))
    spent = [wait for is_spent, wait in waits if is_spent]
    if spent:
        return _longest(spent)
    return min((wait for _, wait in waits if isinstance(wait, int)), default=None)


def _waits(values: Mapping[str, str]) -> Iterator[tuple[bool, int | str]]:
    """Of each limit: whether nothing of it remains, and how long it lasts."""
    for name, value in values.items():
        if _RESET.fullmatch(name) and (wait := _wait(value, values.get("date", ""))) is not None:
            yield values.get(name.replace("reset", "remaining"), "") in ("0", "0.0"), wait


def _longest(waits: list[int | str]) -> int | str:
    seconds = [wait for wait in waits if isinstance(wait, int)]
    return max(seconds) if seconds else waits[0]


def _wait(value: str, now: str) -> int | str | None:
    if not _NUMBER.fullmatch(value):
        wait = duration(value)
        return wait if wait is not None else wait_until(_moment(value), now)
    number = float(value)
    if number >= _EPOCH_IN_MILLISECONDS:
        return wait_until(number / 1000, now)
    return wait_until(number, now) if number >= _EPOCH else duration(value)


def _moment(value: str) -> float | None:
    """The epoch of a moment in ISO 8601."""
    if (found := _ISO.fullmatch(value)) is None:
        return None
    *fields, sign, hours, minutes = found.groups()
    offset = (int(hours) * 60 + int(minutes)) * 60 if hours else 0
    return timegm(tuple(map(int, fields))) - (offset if sign == "+" else -offset)
