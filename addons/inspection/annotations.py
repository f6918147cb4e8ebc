"""Comments and markers on the flows of an exchange: what each flow is, how it ended, and where its other side is.

| to see                        | filter                        | in mitmweb's search box, too       |
|-------------------------------|-------------------------------|------------------------------------|
| one exchange, both sides      | `~meta "exchange: ID"`        | `~comment ID`                      |
| all requests of Codex         | `~meta "side: client"`        | `~comment " -> "`                  |
| all attempts at one provider  | `~meta "provider: deepseek$"` | `~comment "attempt .: deepseek "`  |
| what was tried more than once | `~meta "attempt: [2-9]"`      | `~comment " attempts, "`           |
| what led to another attempt   | `~meta "transcodex.next: "`   | `~comment "; next "`               |
| exchanges that lost something | `~meta "losses: [1-9]"`       | `~comment "lost "`                 |
| what failed                   |                               | `~marker :x:`                      |

The page checks what is typed into its box by a grammar of its own, which has no `~meta`.
"""

import logging
from collections.abc import Callable, Sequence

from mitmproxy import command, ctx, exceptions, flow, hooks, http

from addons.exchange.exchange import CLIENT_LEFT, Attempt, Exchange, Outcome
from addons.exchange.flow_metadata import (
    ATTEMPT,
    CHUNKS,
    EXCHANGE,
    FAULT,
    LOSSES,
    NEXT,
    OUTCOME,
    PROVIDER,
    SIDE,
    TIMES,
    is_attempt,
    numbers,
)
from addons.inspection import mitmweb
from addons.runtime.printable import printable
from converters.errors import Fault
from converters.jsontext import Json

logger = logging.getLogger(__name__)

FAILED = ":x:"
LOST = ":warning:"
MARKERS = ("", FAILED, LOST)
"""Of flows that nobody has marked but us."""

type FlowsOf = Callable[[str], Sequence[flow.Flow]]
"""The flows in the list that belong to an exchange, by its id."""

_ENDED_BY = {"killed": flow.Error.KILLED_MESSAGE, "client_left": CLIENT_LEFT}


class Annotations:
    def __init__(self, flows_of: FlowsOf) -> None:
        self._flows_of = flows_of

    def next_attempt(self, exchange: Exchange) -> None:
        """Runs after the addon that plans: both flows get a comment on where the request goes."""
        attempt = exchange.attempt
        if attempt is None or attempt.plan is None:
            return
        upstream = attempt.plan.endpoint.upstream
        client, number = exchange.flow, len(exchange.attempts) + 1
        where = f"{upstream.provider_name} {upstream.model}"
        before = "".join(f"{failed.provider_name} ({_cause(failed)}), " for failed in exchange.attempts)
        client.comment = printable(f"{_short(client.id)}: {exchange.model} -> {before}{where} ({upstream.protocol})")
        attempt.flow.comment = printable(f"{_short(client.id)}, attempt {number}: {where}")
        if number == 1:  # what leads to another one is logged where it is decided
            lost = f", lost: {attempt.losses.summary()}" if attempt.losses else ""
            logger.info("%s%s", client.comment, printable(lost, 2000))

    def attempt_end(self, exchange: Exchange) -> None:
        """Runs after the addon that decides what is next."""
        attempt = exchange.attempts[-1]
        timing = _timing(numbers(attempt.flow.metadata.get(TIMES)))
        failure, next_step = _failure_of(attempt), printable(attempt.next_step)
        if next_step:
            attempt.flow.metadata[NEXT] = next_step
        end = "; ".join(part for part in (failure, next_step) if part)
        _annotate(attempt.flow, [timing, end], FAILED if end else "")

    def exchange_end(self, exchange: Exchange) -> None:
        if not exchange.attempts:
            return
        client, losses = exchange.flow, exchange.losses
        failure = _failure(exchange.outcome, exchange.fault)
        lost = f"lost {losses.summary()}" if losses else ""
        notes = [_status(client), _count(exchange), _duration(exchange), _tokens(exchange.usage), lost, failure]
        read = exchange.read_attempt
        client.metadata |= {LOSSES: losses.total, ATTEMPT: exchange.attempts.index(read) + 1 if read else 0}
        _annotate(client, notes, FAILED if failure else LOST if lost else "")
        logger.info("%s", printable(client.comment, 2000))
        for attempt in exchange.attempts:
            if attempt.conversion.surprise:
                logger.error("%s: a mistake of ours: %s", _short(client.id), attempt.conversion.surprise)

    # --- what mitmproxy's client replay sends again, beside any exchange ---

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """A replayed flow loses what was noted of its first run."""
        if flow.is_replay != "request" or SIDE not in flow.metadata:
            return
        flow.marked = "" if flow.marked in (FAILED, LOST) else flow.marked
        flow.comment = ""
        if is_attempt(flow):
            for key in (ATTEMPT, NEXT, CHUNKS, TIMES, OUTCOME, FAULT):
                flow.metadata.pop(key, None)
            flow.comment = printable(f"{_short(flow.metadata.get(EXCHANGE))}, replayed: {flow.metadata.get(PROVIDER)}")

    def response(self, flow: http.HTTPFlow) -> None:
        if flow.is_replay == "request" and is_attempt(flow):
            failure = _failure_of_replayed(flow)
            _annotate(flow, [failure], FAILED if failure else "")

    def error(self, flow: http.HTTPFlow) -> None:
        self.response(flow)

    @command.command("exchange.flows")
    def flows(self, chosen: flow.Flow) -> Sequence[str]:
        """The comments on the flows of a flow's exchange, after the filter that shows these flows alone."""
        sides = self._exchange(chosen)
        return [f"~comment {_short(chosen.metadata[EXCHANGE])}", *(side.comment for side in sides)]

    @command.command("exchange.other")
    def other(self, chosen: flow.Flow) -> None:
        """Jump to the other side: from the client's flow to its last attempt, from an attempt to the client's flow."""
        wanted = "client" if is_attempt(chosen) else "upstream"
        others = [side for side in self._exchange(chosen) if side.metadata.get(SIDE) == wanted]
        if not others:
            raise exceptions.CommandError("the other side is not in the list")
        _jump(chosen, others[-1])

    def _exchange(self, chosen: flow.Flow) -> Sequence[flow.Flow]:
        """All flows of a flow's exchange: the client's and its attempts."""
        exchange = chosen.metadata.get(EXCHANGE)
        if not exchange:
            raise exceptions.CommandError("this flow is no part of a converted exchange")
        if ctx.master.addons.get("view") is None:
            raise exceptions.CommandError("mitmdump keeps no list of flows")
        return self._flows_of(exchange)


def _short(exchange: object) -> str:
    """Enough of an exchange's id to find it by: the comments of its flows begin with it."""
    return str(exchange)[:8]


def _jump(here: flow.Flow, there: flow.Flow) -> None:
    try:
        ctx.master.addons.get("view").focus.flow = there
    except ValueError as error:
        raise exceptions.CommandError(f"hidden by the filter: {there.comment}") from error
    mitmweb.select_other(here, there)


def _annotate(flow: http.HTTPFlow, notes: list[str], marker: str) -> None:
    flow.comment = ", ".join(printable(note) for note in (flow.comment, *notes) if note)
    flow.marked = marker or flow.marked
    if ctx.master.addons.get("view"):
        ctx.master.addons.trigger(hooks.UpdateHook([flow]))


def _failure(outcome: Outcome | None, fault: Fault | None) -> str:
    if outcome == "answered":
        return ""
    return f"failed: {_ENDED_BY.get(str(outcome)) or (fault.message if fault else outcome)}"


def _failure_of(attempt: Attempt) -> str:
    if attempt.outcome == "refused" and attempt.status is not None:
        return f"failed: {attempt.status}" + (f", {attempt.fault.kind}" if attempt.fault else "")
    failure = _failure(attempt.outcome, attempt.fault)
    return f"{failure} ({attempt.fault.kind})" if failure and attempt.fault else failure


def _cause(failed: Attempt) -> str:
    """In a word, why there was another attempt."""
    if failed.outcome == "refused" and failed.status is not None:
        return str(failed.status)
    return failed.fault.kind if failed.fault else str(failed.outcome)


def _failure_of_replayed(flow: http.HTTPFlow) -> str:
    if flow.error is not None:
        return f"failed: {flow.error.msg}"
    refused = flow.response is not None and flow.response.status_code >= 400
    return f"failed: {flow.response.status_code}" if refused and flow.response else ""


def _timing(times: list[int]) -> str:
    """`times` are milliseconds from the attempt's start to each piece of its response."""
    if not times:
        return ""
    return f"first after {times[0] / 1000:.2f} s, last after {times[-1] / 1000:.2f} s"


def _status(flow: http.HTTPFlow) -> str:
    """Empty for an error: `_failure` has its status."""
    return str(flow.response.status_code) if flow.response and flow.response.status_code < 400 else ""


def _tokens(usage: Json | None) -> str:
    """`usage` has the form of a Responses API response."""
    match usage:
        case {
            "input_tokens": int(input_tokens),
            "output_tokens": int(output_tokens),
            "input_tokens_details": {"cached_tokens": int(cached)},
        }:
            return f"{input_tokens:,} tokens in{f' ({cached:,} cached)' if cached else ''}, {output_tokens:,} out"
        case {"input_tokens": int(input_tokens), "output_tokens": int(output_tokens)}:
            return f"{input_tokens:,} tokens in, {output_tokens:,} out"
        case _:
            return ""


def _count(exchange: Exchange) -> str:
    return f"{len(exchange.attempts)} attempts" if len(exchange.attempts) > 1 else ""


def _duration(exchange: Exchange) -> str:
    return f"{exchange.ended - exchange.flow.request.timestamp_start:.2f} s"
