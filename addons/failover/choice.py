"""In which order the ways to serve a request are tried.

| policy     | providers                                                                                      |
|------------|------------------------------------------------------------------------------------------------|
| `in-order` | as the route names them                                                                        |
| `fastest`  | by their time to first byte; those not measured yet first, and now and then another one first  |
| `cheapest` | by what the request will cost there; those without a known price last                          |
| `weighted` | by lot, with the route's weights; 0 is tried last                                              |

Of a provider's keys, the one that does the least comes first. A turn stays where it was. That is the order of
preference; what cools or is parked comes after the rest, but is never left out (`schedule.py`).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

from addons.failover.ways import Way
from addons.health.health import Health
from addons.routing.account import Account
from addons.routing.endpoint import ProviderEndpoint
from addons.routing.router import Route

_EXPLORED = 0.03
"""The share of exchanges that try another than the fastest first, which may have become faster."""

_OUTPUT_TOKENS = 1000
"""What a response is taken to have, to compare prices."""


@dataclass
class Chooser:
    health: Health
    random: Random = field(default_factory=Random)
    _explored: set[str] = field(default_factory=set)
    """Providers that were tried first to be measured; once is enough, since they may not answer at all."""

    def ordered(
        self, ways: Sequence[Way], route: Route | None = None, tokens: int = 0, turn: Account | None = None
    ) -> list[Way]:
        """All ways, the best first. `tokens` are the request's, as far as that is known; `turn` is where its turn was
        served before."""
        by_provider: dict[str, list[Way]] = {}
        for way in ways:
            by_provider.setdefault(way.provider, []).append(way)
        providers = self._providers({name: same[0].endpoint for name, same in by_provider.items()}, route, tokens)
        least_used = [way for name in providers for way in sorted(by_provider[name], key=self._use)]
        return sorted(least_used, key=lambda way: way.account != turn)

    def _use(self, way: Way) -> tuple[int, float]:
        return self.health.in_flight(way.account), self.health.uses(way.account)

    def _providers(self, endpoints: dict[str, ProviderEndpoint], route: Route | None, tokens: int) -> list[str]:
        match route.policy if route else "in-order":
            case "fastest":
                return self._fastest(endpoints)
            case "cheapest":
                return sorted(endpoints, key=lambda name: _usd(endpoints[name], tokens))
            case "weighted":
                weights = route.weights if route else {}
                return sorted(endpoints, key=lambda name: self._lot(weights.get(name, 1.0)))
            case _:
                return list(endpoints)

    def _fastest(self, endpoints: Iterable[str]) -> list[str]:
        seconds = {name: self.health.first_byte(Account(name)) for name in endpoints}
        unmeasured = [name for name, measured in seconds.items() if measured is None and name not in self._explored]
        self._explored |= set(unmeasured[:1])
        ranked = sorted(seconds, key=lambda name: math.inf if seconds[name] is None else seconds[name] or 0.0)
        first = unmeasured[:1] or ([self.random.choice(ranked)] if self.random.random() < _EXPLORED else [])
        return [*first, *(name for name in ranked if name not in first)]

    def _lot(self, weight: float) -> float:
        """Whoever draws the smallest comes first: with the probability of its weight among all."""
        return self.random.expovariate(weight) if weight else math.inf


def _usd(endpoint: ProviderEndpoint, tokens: int) -> float:
    if endpoint.price is None:
        return math.inf
    return endpoint.price.usd({"input_tokens": tokens, "output_tokens": _OUTPUT_TOKENS})
