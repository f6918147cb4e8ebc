"""How long a provider, or one of its keys, is left alone after which failure. Times are in seconds.

What is not in the table is the request's own fault, or the answer's, and says nothing of who gave it.
"""

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

from converters.errors import Kind

_HOUR = 3600.0
_DAY = 24 * _HOUR

LONGEST = 8 * _DAY
"""No longer time is believed; weekly quotas fit in."""


class CoolDown(NamedTuple):
    """It lasts `first` and doubles with each failure in a row up to `most`, unless the provider names a time."""

    of: Literal["provider", "key"]
    first: float = 5.0
    most: float = 600.0
    named: float = _HOUR
    """The longest time that is believed."""

    @property
    def parks(self) -> bool:
        """Whether it stands above another cause for which the key is cooling already."""
        return self.first >= _HOUR

    def seconds(self, failures: int, named: float | None) -> float:
        """How long it lasts after so many failures in a row. A named time that lies in the past is left aside."""
        if named is not None and named >= 0 and not math.isinf(self.first):
            return min(named, self.named)
        return min(math.ldexp(self.first, min(failures - 1, 30)), self.most)


COOL_DOWNS: Mapping[Kind, CoolDown] = {
    "unreachable": CoolDown("provider"),
    "cut": CoolDown("provider"),
    "server": CoolDown("provider"),
    "overloaded": CoolDown("provider"),
    "timeout": CoolDown("provider"),
    "rate_limited": CoolDown("key", named=_DAY),
    "quota": CoolDown("key", first=_HOUR, most=_HOUR, named=LONGEST),
    "auth": CoolDown("key", first=math.inf, most=math.inf),  # until there is another key, which has its own account
}
