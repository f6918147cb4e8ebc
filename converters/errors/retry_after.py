"""How long an upstream asks to wait: in a header, in a field, or in words."""

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

_LONGEST = 31 * 86_400
"""Seconds; nobody means more."""

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


def retry_after(headers: Mapping[str, str], field: float | None, text: str) -> int | str | None:
    """Whole seconds, rounded up, or an HTTP date as it was sent; None if there is nothing sensible.

    `field` is the wait in a field of the body, in seconds.
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
    if not isinstance(wait, float):
        return wait
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
    at, wait = phrase.end(), 0.0
    for _ in range(_MOST_PARTS):
        if (part := _PART.match(text, at)) is None:
            break
        wait += float(part[1]) * _unit((part[2] or "s").lower())
        at = part.end()
    return wait


def _unit(name: str) -> float:
    """Seconds in a unit, by the one of its spellings that was used."""
    return 0.001 if name == "ms" or name.startswith("milli") else _UNITS[name[0]]
