"""How long to wait before the same is tried again."""

from datetime import UTC
from email.utils import parsedate_to_datetime
from random import Random

_BASE, _CAP = 0.5, 8.0  # seconds
_MOST_DOUBLINGS = 8


def full_jitter(repeat: int, random: Random) -> float:
    """Seconds before the first repeat (0), the second (1), ...: anything up to a bound that doubles.

    Whoever failed together does not come back together.
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return random.uniform(0, min(_CAP, _BASE * 2.0 ** min(repeat, _MOST_DOUBLINGS)))


def seconds(retry_after: int | str | None, now: float) -> float | None:
    """A fault's `retry_after` in seconds from now; None where it has none that can be read."""
    if not isinstance(retry_after, str):
        return retry_after
    try:
        date = parsedate_to_datetime(retry_after)
        return max(0.0, date.replace(tzinfo=date.tzinfo or UTC).timestamp() - now)
    except (ValueError, OverflowError):
        return None
