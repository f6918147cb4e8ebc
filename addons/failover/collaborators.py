"""What the policy works with: how keys and providers fare, what limits allow, what refusals taught; time and chance."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from addons.health.health import Health
from addons.lessons.lessons import Lessons
from addons.rate_limits.limiter import RateLimiter


async def pause(seconds: float, left: asyncio.Event) -> None:
    """Waits, unless the client leaves."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await left.wait()


@dataclass(frozen=True)
class Collaborators:
    health: Health
    limiter: RateLimiter
    lessons: Lessons
    random: Random = field(default_factory=Random)
    clock: Callable[[], float] = time.time
    pause: Callable[[float, asyncio.Event], Awaitable[None]] = pause
