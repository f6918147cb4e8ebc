"""Every fault, in front of real clients and a real proxy: what is seen of it, and what it costs.

`--update` (scripts/update-faults) writes the tables anew instead of comparing them.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.failover import laws, outcome_table
from tests.failover.clients import PATIENT_CODEX, STREAMED, WHOLE
from tests.failover.fault_suite import Observation, Scenario, observe
from tests.failover.faults import ALL, ANSWERS, REFUSALS, Fault
from tests.failover.outcome_table import REQUESTS_AND_SECONDS, SECONDS
from tests.failover.provider import Cure

pytestmark = pytest.mark.slow

_CLIENTS = ("Codex", STREAMED, WHOLE)


type Observe = Callable[[Iterable[Scenario]], Awaitable[list[Observation]]]


class Accept(Protocol):
    def __call__(self, title: str, observations: list[Observation], differing: int = SECONDS) -> None:
        """Compares a table with the one in the file, or writes it there."""


@pytest.fixture
def observed(request: pytest.FixtureRequest, tmp_path: Path) -> Observe:
    """The observations of these scenarios; for the file, few at a time, so that its seconds tell something."""

    async def observed(scenarios: Iterable[Scenario]) -> list[Observation]:
        return await observe(scenarios, tmp_path, at_once=2 if request.config.getoption("--update") else 6)

    return observed


@pytest.fixture
def accept(request: pytest.FixtureRequest) -> Accept:
    def accept(title: str, observations: list[Observation], differing: int = SECONDS) -> None:
        lines = outcome_table.table(observations)
        if request.config.getoption("--update"):
            outcome_table.write(title, lines)
        accepted = outcome_table.read(title)
        assert outcome_table.without_last(differing, lines) == outcome_table.without_last(differing, accepted)

    return accept


def scenarios(faults: Iterable[Fault], *protocols: str, cure: Cure = None) -> Iterator[Scenario]:
    for fault in faults:
        yield from (Scenario(fault, client, protocols, cure) for client in _CLIENTS)


async def test_a_lone_provider_s_faults_are_told_once(observed: Observe, accept: Accept) -> None:
    observations = await observed(scenarios(ALL, "chat"))
    assert laws.broken(observations) == ""
    accept("One provider", observations)


async def test_a_lone_provider_is_asked_again_where_that_may_help(observed: Observe, accept: Accept) -> None:
    passing = [fault for fault in ALL if fault.passes]
    observations = await observed(scenarios(passing, "chat", cure="time"))
    assert laws.broken(observations) == ""
    accept("One provider that recovers", observations)


async def test_a_second_key_is_as_good_as_a_second_provider(observed: Observe, accept: Accept) -> None:
    of_a_key = [fault for fault in REFUSALS if fault.is_a_keys]
    observations = await observed(scenarios(of_a_key, "chat", cure="key"))
    assert laws.broken(observations) == ""
    accept("One provider with two keys, the first of which has the fault", observations)


async def test_a_second_provider_hides_every_fault_before_content(observed: Observe, accept: Accept) -> None:
    observations = await observed(scenarios(ALL, "chat", "anthropic"))
    assert laws.broken(observations) == ""
    accept("A second provider: Chat Completions, then Messages", observations)


async def test_a_second_provider_of_the_other_protocol_does_so_too(observed: Observe, accept: Accept) -> None:
    observations = await observed(scenarios(ANSWERS, "anthropic", "chat"))
    assert laws.broken(observations) == ""
    accept("A second provider: Messages, then Chat Completions", observations)


_PATIENT = {
    *("reset after the headers", "reset after first content", "reset after a whole tool call"),
    *("500", "401", "error event after content", "neither text nor call"),
}
"""What the client does by itself is shown for a few: it takes half a minute for each."""


async def test_codex_s_own_retries_come_on_top(observed: Observe, accept: Accept) -> None:
    faults = [fault for fault in ALL if fault.name in _PATIENT]
    assert len(faults) == len(_PATIENT)
    alone = [Scenario(fault, PATIENT_CODEX, ("chat",)) for fault in faults]
    backed = [Scenario(fault, PATIENT_CODEX, ("chat", "anthropic")) for fault in faults]
    observations = await observed(alone + backed)
    assert laws.broken(observations) == ""
    # Its pauses are drawn by lot: how many requests fall into a cool-down is as well.
    accept("Codex with its own retries: one provider", observations[: len(alone)], REQUESTS_AND_SECONDS)
    accept("Codex with its own retries: a second provider", observations[len(alone) :])
