"""Has an exchange answered by another try, another key or another provider, as long as its client has read nothing."""

from mitmproxy import ctx, exceptions
from mitmproxy.addonmanager import Loader

from addons.exchange.exchange import Exchange, RetryState
from addons.exchange.response_headers import TURN_STATE
from addons.failover import turn_state
from addons.failover.budget import Budget
from addons.failover.choice import Chooser
from addons.failover.collaborators import Collaborators
from addons.failover.retries import Retries
from addons.failover.ways import ways
from addons.runtime import startup

_LEAST = {"retry_attempts": 1, "retry_wait": 0, "retry_seconds": 1}


class Failover:
    """The retry policy. As an addon it brings its options."""

    def __init__(self, collaborators: Collaborators) -> None:
        self._collaborators = collaborators
        self._chooser = Chooser(collaborators.health, collaborators.random)

    @startup.one_line()
    def load(self, loader: Loader) -> None:
        loader.add_option("retry_attempts", int, 6, "Most attempts for one request, the first one included.")
        loader.add_option(
            "retry_wait", int, 20, "Longest wait for a provider, in seconds; where it takes longer, the client is told."
        )
        loader.add_option(
            "retry_seconds", int, 900, "No further attempt begins later than so many seconds after the request."
        )

    @startup.one_line()
    def configure(self, updated: set[str]) -> None:
        for option in updated & _LEAST.keys():
            if getattr(ctx.options, option) < _LEAST[option]:
                raise exceptions.OptionsError(f"{option}: must be at least {_LEAST[option]}")

    def begin(self, exchange: Exchange) -> RetryState:
        options, route = ctx.options, exchange.route
        budget = Budget(options.retry_attempts, options.retry_wait, options.retry_seconds)
        all_ways = ways(exchange.endpoints)
        header = exchange.flow.request.headers.get(TURN_STATE)
        turn = turn_state.read(header)
        ordered = self._chooser.ordered(all_ways, route, exchange.estimated_tokens, turn.account if turn else None)
        return Retries(exchange, ordered, turn, budget.of_route(route.retry) if route else budget, self._collaborators)
