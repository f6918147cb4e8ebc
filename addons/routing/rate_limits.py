"""How much a user allows a key, a provider or a route to use; `addons/rate_limits/` sees to it."""

from typing import Annotated

from pydantic import Field

from addons.routing.table import Table

type _Count = Annotated[int, Field(strict=True, gt=0, lt=1 << 53)]
type _Dollars = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]


class RateLimits(Table):
    """Each is optional. A minute's worth may be used at once; what is used comes back steadily."""

    requests_per_minute: _Count | None = None
    tokens_per_minute: _Count | None = None
    """Of requests and responses together."""

    concurrent: _Count | None = None
    """Requests at the same time."""

    daily_usd: _Dollars | None = None
    """From midnight to midnight, UTC. Models without a known price cost nothing here."""
