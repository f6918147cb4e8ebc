"""The two sides of an exchange: each flow says what it is, what came of it, and leads to the other.

| to see                        | filter                        | in mitmweb's search box, too       |
|-------------------------------|-------------------------------|------------------------------------|
| one exchange, both sides      | `~meta "exchange: ID"`        | `~comment ID`                      |
| all that Codex asked          | `~meta "side: client"`        | `~comment " -> "`                  |
| all attempts at one provider  | `~meta "provider: deepseek$"` | `~comment "attempt .: deepseek "`  |
| exchanges that lost something | `~meta "losses: [1-9]"`       | `~comment "lost "`                 |
| what failed                   |                               | `~marker :x:`                      |

The page checks what is typed into its box by a grammar of its own, which has no `~meta`.
"""

import logging
from collections.abc import Callable, Sequence
from weakref import WeakKeyDictionary

import orjson
from mitmproxy import command, ctx, exceptions, flow, hooks, http

from addons.conversion import (
    CHUNKS,
    CLIENT,
    EXCHANGE,
    LOSSES,
    MODEL,
    PROVIDER,
    ROUTE,
    SIDE,
    TIMES,
    Conversion,
    is_attempt,
    numbers,
)
from addons.inspection import mitmweb
from addons.runtime.printable import printable
from converters.errors import Client
from converters.exchange import Exchange, Upstream
from converters.jsontext import Json

logger = logging.getLogger(__name__)

FAILED = ":x:"
LOST = ":warning:"
MARKERS = ("", FAILED, LOST)
"""Of flows that nobody has marked but us."""

type FlowsOf = Callable[[str], Sequence[flow.Flow]]
"""The flows in the list that belong to an exchange, by its id."""


class Sides:
    def __init__(self, flows_of: FlowsOf) -> None:
        self._flows_of = flows_of
        self._questions: WeakKeyDictionary[http.HTTPFlow, Exchange] = WeakKeyDictionary()

    def opened(
        self,
        conversion: Conversion,
        question: Exchange,
        upstream: Upstream,
        *,
        model: str,
        now: int,
        client: Client,
        compact: bool,
        without_thinking: bool = False,
    ) -> None:
        """Writes into both flows of a new attempt what it takes to convert them anew."""
        asking, attempt = conversion.flow, conversion.attempt
        assert attempt is not None
        self._questions[asking] = question
        asking.metadata |= {EXCHANGE: asking.id, SIDE: "client", MODEL: model, CLIENT: client}
        asking.metadata[LOSSES] = question.losses.total
        asking.comment = printable(
            f"{_short(asking.id)}: {model} -> {upstream.who} {upstream.model} ({upstream.protocol})"
        )
        route = {
            "who": upstream.who,
            "protocol": upstream.protocol,
            "model": upstream.model,
            "dialect": upstream.dialect.model_dump(mode="json", exclude_defaults=True),
            "now": now,
            "client": client,
            "compact": compact,
            "without_thinking": without_thinking,
        }
        attempt.metadata |= {PROVIDER: upstream.who, ROUTE: orjson.dumps(route).decode()}
        number = len(conversion.attempts) + 1
        attempt.comment = printable(f"{_short(asking.id)}, attempt {number}: {upstream.who} {upstream.model}")

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """What is sent again is told anew."""
        if flow.is_replay != "request" or SIDE not in flow.metadata:
            return
        flow.marked = "" if flow.marked in (FAILED, LOST) else flow.marked
        flow.comment = ""
        if is_attempt(flow):
            flow.metadata.pop(CHUNKS, None)
            flow.metadata.pop(TIMES, None)
            flow.comment = printable(f"{_short(flow.metadata.get(EXCHANGE))}, replayed: {flow.metadata.get(PROVIDER)}")

    def response(self, flow: http.HTTPFlow) -> None:
        if is_attempt(flow):
            self._attempt_over(flow)
        elif (question := self._questions.pop(flow, None)) is not None:  # a list keeps flows for long
            self._exchange_over(flow, question)

    def error(self, flow: http.HTTPFlow) -> None:
        self.response(flow)

    def _attempt_over(self, flow: http.HTTPFlow) -> None:
        failure = _failure(flow)
        _say(flow, [_timing(numbers(flow.metadata.get(TIMES))), failure], FAILED if failure else "")

    def _exchange_over(self, flow: http.HTTPFlow, question: Exchange) -> None:
        failure = question.fault.message if question.fault else _failure(flow)
        lost = f"lost {question.losses.told()}" if question.losses else ""
        said = [_status(flow), _duration(flow), _tokens(question.usage), lost, failure]
        flow.metadata[LOSSES] = question.losses.total
        _say(flow, said, FAILED if failure else LOST if lost else "")
        logger.info("%s", printable(flow.comment, 2000))
        if question.surprise:
            logger.error("%s: a mistake of ours: %s", _short(flow.id), question.surprise)

    @command.command("exchange.flows")
    def flows(self, one: flow.Flow) -> Sequence[str]:
        """What came of a flow's exchange, on both sides; first, the filter that shows its flows alone."""
        found = self._exchange(one)
        return [f"~comment {_short(one.metadata[EXCHANGE])}", *(each.comment for each in found)]

    @command.command("exchange.other")
    def other(self, one: flow.Flow) -> None:
        """Jump to the other side: from the client's flow to its last attempt, from an attempt to the client's flow."""
        wanted = "client" if is_attempt(one) else "upstream"
        there = [each for each in self._exchange(one) if each.metadata.get(SIDE) == wanted]
        if not there:
            raise exceptions.CommandError("the other side is not in the list")
        _jump(one, there[-1])

    def _exchange(self, one: flow.Flow) -> Sequence[flow.Flow]:
        """All flows of a flow's exchange: the client's and its attempts."""
        exchange = one.metadata.get(EXCHANGE)
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
    mitmweb.lead(here, there)


def _say(flow: http.HTTPFlow, words: list[str], marker: str) -> None:
    flow.comment = ", ".join(printable(word) for word in (flow.comment, *words) if word)
    flow.marked = marker or flow.marked
    if ctx.master.addons.get("view"):
        ctx.master.addons.trigger(hooks.UpdateHook([flow]))


def _failure(flow: http.HTTPFlow) -> str:
    if flow.error is not None:
        return f"failed: {flow.error.msg}"
    refused = flow.response is not None and flow.response.status_code >= 400
    return f"failed: {flow.response.status_code}" if refused and flow.response else ""


def _timing(times: list[int]) -> str:
    """`times` are milliseconds from the attempt's start to each piece of its answer."""
    if not times:
        return ""
    return f"first after {times[0] / 1000:.2f} s, last after {times[-1] / 1000:.2f} s"


def _status(flow: http.HTTPFlow) -> str:
    """Of an answer that is none, its failure tells."""
    return str(flow.response.status_code) if flow.response and flow.response.status_code < 400 else ""


def _tokens(usage: Json | None) -> str:
    """`usage` has the form of a Responses answer."""
    match usage:
        case {
            "input_tokens": int(asked),
            "output_tokens": int(told),
            "input_tokens_details": {"cached_tokens": int(n)},
        }:
            return f"{asked:,} tokens in{f' ({n:,} cached)' if n else ''}, {told:,} out"
        case {"input_tokens": int(asked), "output_tokens": int(told)}:
            return f"{asked:,} tokens in, {told:,} out"
        case _:
            return ""


def _duration(flow: http.HTTPFlow) -> str:
    if flow.response is None or flow.response.timestamp_end is None:
        return ""
    return f"{flow.response.timestamp_end - flow.request.timestamp_start:.2f} s"
