"""How much may be tried for one exchange."""

from dataclasses import dataclass, replace
from typing import Any, Self

from addons.routing.router import Retry


@dataclass(frozen=True, slots=True)
class Budget:
    attempts: int = 6
    """In all, the first one included."""

    wait: float = 20.0
    """Seconds before any attempt, at most; 0 never waits."""

    seconds: float = 900.0
    """No attempt begins later than that after the request."""

    def of_route(self, retry: Retry) -> Self:
        """As the route has it, where it says something."""
        own: dict[str, Any] = retry.model_dump(exclude_none=True)
        return replace(self, **own)
