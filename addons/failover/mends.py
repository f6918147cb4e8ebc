"""What a failure says would go better, at the same provider and at once."""

import logging
from dataclasses import dataclass, field, replace

from addons.exchange.exchange import Attempt, Plan
from addons.exchange.retry_policy import is_stale_connection
from addons.lessons.lessons import Trial
from addons.runtime.printable import printable

logger = logging.getLogger(__name__)


@dataclass
class Mends:
    """Of one exchange; each is tried once."""

    trial: Trial
    _met_stale_connection: bool = False
    _without_reasoning: set[str] = field(default_factory=set)
    """The providers that do not get the thread's earlier reasoning."""

    _without_previous_response: set[str] = field(default_factory=set)

    def found(self, attempt: Attempt, plan: Plan) -> str:
        """What is done about a failure, for people; empty where nothing can be."""
        provider, conversion = plan.endpoint.upstream.provider_name, attempt.conversion
        if attempt.fault and is_stale_connection(attempt, attempt.fault) and not self._met_stale_connection:
            self._met_stale_connection = True
            return "next try over a new connection"
        if conversion.blames_reasoning and provider not in self._without_reasoning:
            self._without_reasoning.add(provider)
            return "next try without earlier reasoning"
        if conversion.blames_previous_response and provider not in self._without_previous_response:
            self._without_previous_response.add(provider)
            return "next try without previous_response_id"
        if conversion.lesson is not None and self.trial.learn(plan.endpoint, conversion.lesson):
            return f"next try with what that taught ({conversion.lesson.reason})"
        return ""

    def applied(self, plan: Plan) -> Plan:
        endpoint = self.trial.applied(plan.endpoint)
        provider = endpoint.upstream.provider_name
        return replace(
            plan,
            endpoint=endpoint,
            reasoning_stripped=provider in self._without_reasoning,
            previous_response_stripped=provider in self._without_previous_response,
        )

    def confirm(self, plan: Plan) -> None:
        """It was answered: what was learned holds from now on."""
        for line in self.trial.confirm(plan.endpoint):
            logger.info("learned: %s", printable(line))
