"""What must hold of every observation, whatever the fault."""

from collections.abc import Iterable, Iterator

from tests.failover.clients import CODEX, HANGS
from tests.failover.fault_suite import Observation


def broken(observations: Iterable[Observation]) -> str:
    """A line for each law that does not hold, with its scenario."""
    lines = (
        f"{seen.scenario}: {law}; {seen.told}, {seen.requests}\n" for seen in observations for law in _broken(seen)
    )
    return "".join(lines)


def _broken(seen: Observation) -> Iterator[str]:
    fault, told = seen.scenario.fault, seen.told
    if told.text == HANGS:
        yield "the client hangs"
    if told.lines > 1:
        yield "a tool call was released twice"
    if seen.scenario.client in CODEX and seen.is_answered != (told.lines == 1):
        yield "the turn's command did not run once in a whole turn, or ran in a broken one"
    if any(mark in told.text for mark in "<{"):
        yield "what a person reads holds markup"
    if fault.strikes == "never" and not (seen.is_answered and seen.is_quiet and sum(seen.requests[1:]) == 0):
        yield "a good answer was not taken as one"
    if seen.scenario.is_late and not seen.scenario.has_own_retries:
        if told.code == 0:
            yield "a broken answer was taken for a good one"
        if sum(seen.requests) != 1:
            yield "it was asked again after content"
    if fault.strikes != "never" and not seen.scenario.is_late:
        yield from _before_content(seen)


def _before_content(seen: Observation) -> Iterator[str]:
    if seen.scenario.is_curable:
        if not (seen.is_answered and seen.is_quiet):
            yield "the fault was seen"
    elif seen.is_answered:
        yield "nobody could have answered"
    elif sum(seen.requests[1:]) and seen.scenario.fault.is_told:
        yield "another provider was asked what was the client's to know"
