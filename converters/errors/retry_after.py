"""How long an upstream asks to wait: in a header, in a field, or in words."""

import math
import re
from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime

_LONGEST = 31 * 86_400
"""Seconds; nobody means more."""

_LATEST = 4_102_444_800.0
"""The year 2100, as an epoch."""

_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?")
_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} 20[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")

_PHRASE = re.compile(
    r"(?:(?:try|retry|retrying)(?: it)?(?: again)? (?:in|after)|resets? (?:in|after)|wait(?: for)?|"
    r"available(?: again)? in):? (?:about |approximately )?(?=[0-9])",
    re.IGNORECASE,
)
_PART = re.compile(
    r" ?([0-9]{1,9}+(?:\.[0-9]{1,9}+)?+) ?"
    r"(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)?(?![a-z])",
    re.IGNORECASE,
)
_MOST_PARTS = 4
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def retry_after(
    headers: Mapping[str, str], field: float | None, text: str, until: float | None = None
) -> int | str | None:
    """Whole seconds, rounded up, or an HTTP date where the upstream does not say what time it is there; None if there
    is nothing sensible.

    `field` is the wait in a field of the body, in seconds, and `until` the end of the wait in another, as an epoch.
    """
    values = {name.lower(): value.strip() for name, value in headers.items()}
    waits = (
        _milliseconds(values.get("retry-after-ms", "")),
        _seconds(values.get("retry-after", "")),
        _until(values.get("retry-after", ""), values.get("date", "")),
        field,
        _in_words(text),
    )
    wait = next((wait for wait in waits if wait is not None), None)
    if wait is None:
        return wait_until(until, values.get("date", ""))
    return wait if isinstance(wait, str) else _whole_seconds(wait)


def wait_until(moment: float | None, now: str) -> int | str | None:
    """The wait until a moment, an epoch in seconds; `now` is the upstream's own date, where it sent one."""
    if moment is None or not 0 < moment < _LATEST:
        return None
    wait = _until(formatdate(math.ceil(moment), usegmt=True), now)
    return _whole_seconds(wait) if isinstance(wait, float) else wait


def duration(text: str) -> int | None:
    """The seconds in `6m0s`, `250ms` or `12`."""
    wait, end = _parts(text, 0)
    return _whole_seconds(wait) if end == len(text) > 0 else None


def _whole_seconds(wait: float) -> int | None:
    return max(1, math.ceil(wait)) if wait <= _LONGEST else None


def _seconds(value: str) -> float | None:
    return float(value) if _NUMBER.fullmatch(value) else None


def _milliseconds(value: str) -> float | None:
    number = _seconds(value)
    return None if number is None else number / 1000


def _until(date: str, now: str) -> float | str | None:
    """A date means little to a client whose clock is wrong: the same upstream's own date tells how long."""
    if not _DATE.fullmatch(date):
        return None
    try:
        then = parsedate_to_datetime(date)
        return (then - parsedate_to_datetime(now)).total_seconds() if _DATE.fullmatch(now) else date
    except ValueError:  # the 31st of February
        return None


def _in_words(text: str) -> float | None:
    """The wait in "Please try again in 6m0s." or "retry after 20 seconds"."""
    if (phrase := _PHRASE.search(text)) is None:
        return None
    return _parts(text, phrase.end())[0]


def _parts(text: str, at: int) -> tuple[float, int]:
    """The seconds in the numbers with units that stand there, and where they end."""
    wait = 0.0
    for _ in range(_MOST_PARTS):
        if (part := _PART.match(text, at)) is None:
            break
        wait += float(part[1]) * _unit((part[2] or "s").lower())
        at = part.end()
    return wait, at


def _unit(name: str) -> float:
    """Seconds in a unit, by the one of its spellings that was used."""
    return 0.001 if name == "ms" or name.startswith("milli") else _UNITS[name[0]]
