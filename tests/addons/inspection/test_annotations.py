"""Each side says what it is, what came of it, and leads to the other."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from mitmproxy import connection, ctx, exceptions, flowfilter, http
from mitmproxy.addons.view import View
from mitmproxy.test import taddons, tflow, tutils

from addons.exchange.exchange import Attempt, Exchange, Outcome, Plan
from addons.exchange.flow_metadata import ATTEMPT, EXCHANGE, LOSSES, NEXT, SIDE, SPEC, TIMES, note_attempt
from addons.inspection.annotations import FAILED, LOST, Annotations
from addons.inspection.flow_retention import FlowRetention
from addons.routing.endpoint import ProviderEndpoint
from converters.chat.dialect import ChatDialect
from converters.conversion import ClientRequest, ConversionSpec, Upstream, open_conversion
from converters.errors import Fault

RAW: dict[str, Any] = {"model": "alias", "input": "hi", "stream": True}
LOSSY = {**RAW, "tools": [{"type": "web_search"}]}
ACME = ProviderEndpoint(Upstream("acme", "chat", "model-x", ChatDialect(think_tags=False)), "https://acme/v1", "none")


@pytest.fixture
def view() -> Iterator[View]:
    with taddons.context(View()) as context:
        yield context.master.addons.get("view")


@pytest.fixture
def annotations(view: View) -> Annotations:
    retention = FlowRetention()
    retention.watch(view)
    loaded = Annotations(retention.exchange)
    ctx.master.addons.add(loaded)
    return loaded


def annotated_exchange(annotations: Annotations, raw: dict[str, Any] = RAW) -> Exchange:
    """An exchange as it stands when its attempt is sent."""
    client = tflow.tflow(req=tutils.treq(path=b"/v1/responses"))
    exchange = Exchange(client, request=ClientRequest(raw))
    add_attempt(annotations, exchange)
    return exchange


def add_attempt(annotations: Annotations, exchange: Exchange, provider: str = "acme") -> None:
    upstream = replace(ACME.upstream, provider_name=provider)
    spec = ConversionSpec(upstream, now=7, client="codex")
    assert exchange.request is not None
    conversion = open_conversion(exchange.request, spec)
    flow = http.HTTPFlow(exchange.flow.client_conn, connection.Server(address=(provider, 443)))
    flow.request = tutils.treq(path=b"/v1/chat/completions")
    note_attempt(exchange.flow, flow, spec, exchange.model, conversion.losses.total)
    plan = Plan(replace(ACME, upstream=upstream))
    exchange.attempt = Attempt(flow, conversion, {}, provider, upstream.model, plan=plan)
    annotations.next_attempt(exchange)
    exchange.attempts.append(exchange.attempt)
    number = len(exchange.attempts)
    flow.metadata |= {EXCHANGE: exchange.flow.id, SIDE: "upstream", ATTEMPT: number, TIMES: "120 4500"}


def fail(annotations: Annotations, exchange: Exchange, fault: Fault, next_step: str = "") -> http.HTTPFlow:
    """The last attempt fails; with a status, it was refused."""
    attempt = exchange.attempts[-1]
    attempt.outcome = "refused" if fault.status else "failed"
    attempt.flow.response = tutils.tresp(status_code=fault.status) if fault.status else None
    attempt.fault = exchange.fault = fault
    attempt.next_step = next_step
    annotations.attempt_end(exchange)
    return attempt.flow


def sides(exchange: Exchange) -> tuple[http.HTTPFlow, http.HTTPFlow]:
    return exchange.flow, exchange.attempts[-1].flow


def answered(annotations: Annotations, exchange: Exchange, *, status: int = 200) -> None:
    """Both ends of it."""
    attempt = exchange.attempts[-1]
    attempt.flow.response = tutils.tresp(status_code=status)
    attempt.fault = exchange.fault = attempt.conversion.fault
    attempt.outcome = "refused" if status >= 300 else "failed" if attempt.fault else "answered"
    annotations.attempt_end(exchange)
    exchange.flow.response = tutils.tresp(status_code=status)
    exchange.ended = exchange.flow.request.timestamp_start + 2
    exchange.outcome = "answered" if attempt.outcome == "answered" else "failed"
    annotations.exchange_end(exchange)


def test_the_comments_say_where_it_went_and_how_long_it_took(annotations: Annotations) -> None:
    exchange = annotated_exchange(annotations)
    client, attempt = sides(exchange)
    answered(annotations, exchange)
    short = client.id[:8]
    assert client.comment == f"{short}: alias -> acme model-x (chat), 200, 2.00 s"
    assert attempt.comment == f"{short}, attempt 1: acme model-x, first after 0.12 s, last after 4.50 s"
    assert client.marked == attempt.marked == ""


def test_the_log_ends_with_what_came_of_the_exchange(
    annotations: Annotations, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    exchange = annotated_exchange(annotations)
    client, conversion = exchange.flow, exchange.attempts[0].conversion
    caplog.clear()
    usage = b'{"prompt_tokens": 9012, "completion_tokens": 345, "prompt_tokens_details": {"cached_tokens": 8000}}'
    conversion.feed(b'data: {"choices": [], "usage": %b}\n\ndata: [DONE]\n\n' % usage)
    conversion.close()
    answered(annotations, exchange)
    assert caplog.messages == [client.comment]
    assert ", 2.00 s, 9,012 tokens in (8,000 cached), 345 out" in client.comment


def test_losses_are_named_and_marked(annotations: Annotations) -> None:
    exchange = annotated_exchange(annotations, LOSSY)
    client = exchange.flow
    answered(annotations, exchange)
    assert client.marked == LOST
    assert "lost tools[0]: web_search" in client.comment


def test_what_cannot_be_read_of_a_response_is_lost_as_well(annotations: Annotations) -> None:
    exchange = annotated_exchange(annotations)
    client, conversion = exchange.flow, exchange.attempts[0].conversion
    conversion.feed(b'data: {"choices": [{"delta": {"content": 7}}]}\n\n')
    answered(annotations, exchange)
    assert client.marked == LOST
    assert "lost answer.choices[0].delta.content: a number (not a text)" in client.comment
    assert client.metadata[LOSSES] == 1


def test_a_mistake_of_ours_is_logged_with_its_place_and_without_any_value(
    annotations: Annotations, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = annotated_exchange(annotations, {**RAW, "metadata": {"no": {"JSON"}}})
    client, conversion = exchange.flow, exchange.attempts[0].conversion
    conversion.feed(b'data: {"choices": [{"delta": {"content": "Hi"}}]}\n\n')
    answered(annotations, exchange)
    *_, last = caplog.messages
    assert last.startswith(f"{client.id[:8]}: a mistake of ours: TypeError in jsontext.py:")
    assert client.marked == FAILED


def test_a_response_that_fails_within_its_stream_is_marked(annotations: Annotations) -> None:
    exchange = annotated_exchange(annotations)
    client, conversion = exchange.flow, exchange.attempts[0].conversion
    conversion.fail(Fault("cut", "acme broke off"))
    answered(annotations, exchange)
    assert client.marked == FAILED
    assert client.comment.endswith("acme broke off")


def test_an_attempt_that_fails_is_marked_and_says_what_is_next(annotations: Annotations) -> None:
    exchange = annotated_exchange(annotations)
    attempt = fail(annotations, exchange, Fault("cut", "acme broke off"), "next provider zai in 0.4 s")
    assert attempt.marked == FAILED
    assert attempt.comment.endswith(", failed: acme broke off (cut); next provider zai in 0.4 s")
    assert attempt.metadata[NEXT] == "next provider zai in 0.4 s"


def test_an_attempt_that_was_answered_and_is_not_taken_says_what_is_next(annotations: Annotations) -> None:
    exchange = annotated_exchange(annotations)
    attempt = exchange.attempts[0]
    attempt.outcome, attempt.next_step = "answered", "empty, so once more"
    annotations.attempt_end(exchange)
    assert (attempt.flow.marked, attempt.flow.comment.rpartition(", last after")[2]) == (
        FAILED,
        " 4.50 s, empty, so once more",
    )


def three_attempts(annotations: Annotations) -> Exchange:
    """The last one is answered."""
    exchange = annotated_exchange(annotations)
    fail(annotations, exchange, Fault("overloaded", "acme is busy", 503), "next key in 0.4 s")
    add_attempt(annotations, exchange)
    fail(annotations, exchange, Fault("unreachable", "acme is out of reach: refused"), "next provider zai")
    add_attempt(annotations, exchange, "zai")
    answered(annotations, exchange)
    return exchange


def test_the_clients_comment_names_all_attempts_in_their_order(annotations: Annotations) -> None:
    exchange = three_attempts(annotations)
    path = "alias -> acme (503), acme (unreachable), zai model-x (chat)"
    assert exchange.flow.comment == f"{exchange.flow.id[:8]}: {path}, 200, 3 attempts, 2.00 s"
    assert exchange.flow.marked == ""


def test_each_attempts_comment_has_its_number_its_cause_and_what_was_next(annotations: Annotations) -> None:
    exchange = three_attempts(annotations)
    comments = [attempt.flow.comment.removeprefix(exchange.flow.id[:8]) for attempt in exchange.attempts]
    times = "first after 0.12 s, last after 4.50 s"
    assert comments == [
        f", attempt 1: acme model-x, {times}, failed: 503, overloaded; next key in 0.4 s",
        f", attempt 2: acme model-x, {times}, failed: acme is out of reach: refused (unreachable); next provider zai",
        f", attempt 3: zai model-x, {times}",
    ]


def test_the_log_has_the_beginning_and_the_end_of_an_exchange(
    annotations: Annotations, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    client = three_attempts(annotations).flow
    assert caplog.messages == [f"{client.id[:8]}: alias -> acme model-x (chat)", client.comment]


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ('~meta "attempt: [2-9]"', "client 2 3"),
        ('~meta "attempt: 1$"', "1"),
        ('~meta "transcodex.next: "', "1 2"),
        ('~meta "next: next provider"', "2"),
        ('~comment " attempts, "', "client"),
        ('~comment "; next"', "1 2"),
        ('~comment "overloaded"', "1"),
        ("~marker :x:", "1 2"),
    ],
)
def test_filters_find_attempts_by_what_followed(annotations: Annotations, expression: str, found: str) -> None:
    exchange = three_attempts(annotations)
    flows = {"client": exchange.flow, **{str(n): a.flow for n, a in enumerate(exchange.attempts, 1)}}
    assert " ".join(name for name, flow in flows.items() if flowfilter.match(expression, flow)) == found


def test_the_client_knows_the_attempt_whose_failure_it_read(annotations: Annotations) -> None:
    exchange = annotated_exchange(annotations)
    fail(annotations, exchange, Fault("context_overflow", "too long", 400), "next provider zai")
    add_attempt(annotations, exchange, "zai")
    fail(annotations, exchange, Fault("server", "broken", 500))
    exchange.outcome, exchange.fault = "failed", exchange.attempts[0].fault
    annotations.exchange_end(exchange)
    assert exchange.flow.metadata[ATTEMPT] == 1


def test_a_refusal_of_our_own_after_an_attempt_is_read_of_none(annotations: Annotations) -> None:
    exchange = annotated_exchange(annotations)
    fail(annotations, exchange, Fault("rate_limited", "wait", 429))
    exchange.outcome, exchange.fault = "failed", Fault("rate_limited", "all keys are spent")
    annotations.exchange_end(exchange)
    assert exchange.flow.metadata[ATTEMPT] == 0
    assert exchange.flow.comment.endswith("failed: all keys are spent")


def test_from_the_client_one_comes_to_the_last_attempt_and_from_each_back(annotations: Annotations, view: View) -> None:
    exchange = three_attempts(annotations)
    client, attempts = exchange.flow, [attempt.flow for attempt in exchange.attempts]
    view.add([client, *attempts])
    annotations.other(client)
    assert view.focus.flow is attempts[-1]
    for attempt in attempts:
        annotations.other(attempt)
        assert view.focus.flow is client
    assert annotations.flows(attempts[1])[1:] == [flow.comment for flow in (client, *attempts)]


def test_an_attempt_that_is_refused_is_marked(annotations: Annotations) -> None:
    exchange = annotated_exchange(annotations)
    answered(annotations, exchange, status=429)
    assert exchange.attempts[0].flow.comment.endswith("failed: 429")


def test_what_is_sent_again_is_no_attempt_of_the_exchange_any_more(annotations: Annotations) -> None:
    exchange = three_attempts(annotations)
    attempt = exchange.attempts[0].flow
    attempt.is_replay = "request"
    annotations.requestheaders(attempt)
    assert attempt.metadata.keys() & {ATTEMPT, NEXT, TIMES} == set()
    assert attempt.comment == f"{exchange.flow.id[:8]}, replayed: acme"


@pytest.mark.parametrize(
    ("outcome", "failure"), [("killed", "failed: Connection killed."), ("client_left", "failed: client disconnected")]
)
def test_who_ended_it_early_is_noted(annotations: Annotations, outcome: Outcome, failure: str) -> None:
    exchange = annotated_exchange(annotations)
    exchange.outcome = exchange.attempts[0].outcome = outcome
    annotations.attempt_end(exchange)
    annotations.exchange_end(exchange)
    for flow in sides(exchange):
        assert flow.comment.endswith(failure) and flow.marked == FAILED


def test_an_exchange_without_attempts_has_nothing_to_annotate(annotations: Annotations) -> None:
    refused = Exchange(tflow.tflow(resp=True), outcome="refused")
    annotations.next_attempt(refused)
    annotations.exchange_end(refused)
    assert (refused.flow.comment, refused.flow.marked) == ("", "")


@pytest.mark.parametrize(("status", "comment"), [(200, ""), (429, "failed: 429")])
def test_an_attempt_that_is_sent_again_says_what_came_of_it(
    annotations: Annotations, status: int, comment: str
) -> None:
    _, attempt = sides(annotated_exchange(annotations))
    attempt.is_replay = "request"
    annotations.requestheaders(attempt)
    attempt.response = tutils.tresp(status_code=status)
    annotations.response(attempt)
    assert attempt.comment.partition("replayed: acme")[2].removeprefix(", ") == comment


def test_what_is_no_exchange_stays_as_it_is(annotations: Annotations) -> None:
    other = tflow.tflow(resp=True)
    annotations.response(other)
    assert (other.comment, other.marked) == ("", "")


def test_what_the_attempt_carries_is_enough_to_convert_anew(annotations: Annotations) -> None:
    exchange = annotated_exchange(annotations)
    attempt = exchange.attempts[0]
    spec = ConversionSpec.from_json(attempt.flow.metadata[SPEC])
    assert open_conversion(ClientRequest(RAW), spec).body == attempt.conversion.body  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("expression", "client", "attempt"),
    [
        ('~meta "side: client"', True, False),
        ('~meta "provider: acme$"', False, True),
        ('~meta "provider: other$"', False, False),
        ('~meta "losses: [1-9]"', True, False),
        ("~marker :warning:", True, False),
        ('~comment " -> "', True, False),
        ('~comment "lost "', True, False),
        ('~comment "attempt .: acme "', False, True),
        ('~comment "attempt .: other "', False, False),
    ],
)
def test_filters_find_each_side(annotations: Annotations, expression: str, client: bool, attempt: bool) -> None:
    exchange = annotated_exchange(annotations, LOSSY)
    answered(annotations, exchange)
    assert [bool(flowfilter.match(expression, flow)) for flow in sides(exchange)] == [client, attempt]


def test_each_side_leads_to_the_other(annotations: Annotations, view: View) -> None:
    exchange = annotated_exchange(annotations)
    client, attempt = sides(exchange)
    view.add([client, attempt])
    annotations.other(client)
    assert view.focus.flow is attempt
    annotations.other(attempt)
    assert view.focus.flow is client


def test_an_exchange_is_listed_with_the_filter_that_shows_it(annotations: Annotations, view: View) -> None:
    exchange = annotated_exchange(annotations)
    client, attempt = sides(exchange)
    unrelated = tflow.tflow()
    view.add([client, attempt, unrelated])
    expression, *comments = annotations.flows(attempt)
    assert comments == [client.comment, attempt.comment]
    assert [bool(flowfilter.match(expression, side)) for side in (client, attempt, unrelated)] == [True, True, False]


@pytest.mark.parametrize("name", ["exchange.other", "exchange.flows"])
def test_what_is_no_exchange_leads_nowhere(annotations: Annotations, view: View, name: str) -> None:
    view.add([tflow.tflow()])
    with pytest.raises(exceptions.CommandError, match="no part of a converted exchange"):
        ctx.master.commands.execute(f"{name} @focus")


def test_the_other_side_may_be_gone_or_hidden(annotations: Annotations, view: View) -> None:
    exchange = annotated_exchange(annotations)
    client, attempt = sides(exchange)
    view.add([client])
    with pytest.raises(exceptions.CommandError, match="not in the list"):
        annotations.other(client)
    view.add([attempt])
    view.set_filter_cmd("~u responses")
    with pytest.raises(exceptions.CommandError, match="hidden by the filter"):
        annotations.other(client)
    assert view.focus.flow is client


def test_where_there_is_no_list_the_commands_say_so() -> None:
    with taddons.context(loaded := Annotations(lambda exchange: ())):
        client = annotated_exchange(loaded).flow
        with pytest.raises(exceptions.CommandError, match="no list of flows"):
            loaded.other(client)


def test_what_is_sent_again_is_annotated_anew(annotations: Annotations) -> None:
    exchange = annotated_exchange(annotations)
    client, attempt = sides(exchange)
    answered(annotations, exchange)
    for side in (client, attempt):
        side.is_replay, side.marked = "request", FAILED
        annotations.requestheaders(side)
        assert side.marked == ""
    assert client.comment == ""
    assert attempt.comment == f"{client.id[:8]}, replayed: acme"
    assert TIMES not in attempt.metadata


def test_a_name_with_controls_makes_a_comment_without(annotations: Annotations) -> None:
    client, attempt = sides(annotated_exchange(annotations, {**RAW, "model": "a\n\x1b[31m" + "b" * 9_000}))
    assert r": a\n\x1b[31mbbb" in client.comment and len(client.comment) <= 500
    assert client.comment.isprintable() and attempt.comment.isprintable()
