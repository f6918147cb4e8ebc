"""Each side says what it is, what came of it, and leads to the other."""

import json
from collections.abc import Iterator

import pytest
from mitmproxy import connection, ctx, exceptions, flow, flowfilter, http
from mitmproxy.addons.view import View
from mitmproxy.test import taddons, tflow, tutils

from addons.conversion import EXCHANGE, LOSSES, ROUTE, SIDE, TIMES, Conversion
from addons.inspection.flow_list import Retention
from addons.sides import FAILED, LOST, Sides
from converters.chat.dialect import ChatDialect
from converters.errors import Fault
from converters.exchange import Exchange, Upstream, open_exchange
from converters.protocols import PROTOCOLS

RAW = {"model": "alias", "input": "hi", "stream": True}
LOSSY = {**RAW, "tools": [{"type": "web_search"}]}
ACME = Upstream("acme", "chat", "model-x", ChatDialect(think_tags=False))


@pytest.fixture
def view() -> Iterator[View]:
    with taddons.context(View()) as context:
        yield context.master.addons.get("view")


@pytest.fixture
def sides(view: View) -> Sides:
    retention = Retention()
    retention.watch(view)
    loaded = Sides(retention.exchange)
    ctx.master.addons.add(loaded)
    return loaded


def asked(sides: Sides, raw: dict[str, object] = RAW) -> tuple[http.HTTPFlow, http.HTTPFlow, Exchange]:
    """An exchange as it stands when its attempt is sent."""
    client = tflow.tflow(req=tutils.treq(path=b"/v1/responses"))
    conversion = Conversion(client)
    attempt = http.HTTPFlow(client.client_conn, connection.Server(address=("acme", 443)))
    attempt.request = tutils.treq(path=b"/v1/chat/completions")
    conversion.attempt = attempt
    question = open_exchange(raw, ACME, now=7, client="codex")
    sides.opened(conversion, question, ACME, model="alias", now=7, client="codex", compact=False)
    attempt.metadata |= {EXCHANGE: client.id, SIDE: "upstream", TIMES: "120 4500"}
    return client, attempt, question


def answered(sides: Sides, client: http.HTTPFlow, attempt: http.HTTPFlow) -> None:
    for one in (attempt, client):
        one.response = tutils.tresp(
            timestamp_start=one.request.timestamp_start, timestamp_end=one.request.timestamp_start + 2
        )
        sides.response(one)


def test_the_comments_say_where_it_went_and_how_long_it_took(sides: Sides) -> None:
    client, attempt, _ = asked(sides)
    answered(sides, client, attempt)
    short = client.id[:8]
    assert client.comment == f"{short}: alias -> acme model-x (chat), 200, 2.00 s"
    assert attempt.comment == f"{short}, attempt 1: acme model-x, first after 0.12 s, last after 4.50 s"
    assert client.marked == attempt.marked == ""


def test_the_log_ends_with_what_came_of_the_exchange(sides: Sides, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    client, attempt, question = asked(sides)
    usage = b'{"prompt_tokens": 9012, "completion_tokens": 345, "prompt_tokens_details": {"cached_tokens": 8000}}'
    question.feed(b'data: {"choices": [], "usage": %b}\n\ndata: [DONE]\n\n' % usage)
    question.close()
    answered(sides, client, attempt)
    assert caplog.messages == [client.comment]
    assert ", 2.00 s, 9,012 tokens in (8,000 cached), 345 out" in client.comment


def test_losses_are_named_and_marked(sides: Sides) -> None:
    client, attempt, _ = asked(sides, LOSSY)
    answered(sides, client, attempt)
    assert client.marked == LOST
    assert "lost tools[0]: web_search" in client.comment


def test_what_cannot_be_read_of_an_answer_is_lost_as_well(sides: Sides) -> None:
    client, attempt, question = asked(sides)
    question.feed(b'data: {"choices": [{"delta": {"content": 7}}]}\n\n')
    answered(sides, client, attempt)
    assert client.marked == LOST
    assert "lost answer.choices[0].delta.content: a number (not a text)" in client.comment
    assert client.metadata[LOSSES] == 1


def test_a_mistake_of_ours_is_logged_with_its_place_and_without_any_value(
    sides: Sides, caplog: pytest.LogCaptureFixture
) -> None:
    client, attempt, question = asked(sides, {**RAW, "metadata": {"no": {"JSON"}}})
    question.feed(b'data: {"choices": [{"delta": {"content": "Hi"}}]}\n\n')
    answered(sides, client, attempt)
    *_, last = caplog.messages
    assert last.startswith(f"{client.id[:8]}: a mistake of ours: TypeError in jsontext.py:")
    assert client.marked == FAILED


def test_an_answer_that_fails_within_its_stream_is_marked(sides: Sides) -> None:
    client, attempt, question = asked(sides)
    question.fail(Fault("cut", "acme broke off"))
    answered(sides, client, attempt)
    assert client.marked == FAILED
    assert client.comment.endswith("acme broke off")


def test_an_attempt_that_fails_is_marked(sides: Sides) -> None:
    _, attempt, _ = asked(sides)
    attempt.error = flow.Error("connection refused")
    sides.error(attempt)
    assert (attempt.marked, attempt.comment.rpartition(", ")[2]) == (FAILED, "failed: connection refused")


def test_an_attempt_that_is_refused_is_marked(sides: Sides) -> None:
    _, attempt, _ = asked(sides)
    attempt.response = tutils.tresp(status_code=429)
    sides.response(attempt)
    assert attempt.comment.endswith("failed: 429")


def test_what_is_no_exchange_stays_as_it_is(sides: Sides) -> None:
    other = tflow.tflow(resp=True)
    sides.response(other)
    assert (other.comment, other.marked) == ("", "")


def test_the_route_is_enough_to_convert_anew(sides: Sides) -> None:
    _, attempt, question = asked(sides)
    route = json.loads(attempt.metadata[ROUTE])
    dialect = PROTOCOLS[route["protocol"]].dialect(**route["dialect"])
    again = open_exchange(
        RAW,
        Upstream(route["who"], route["protocol"], route["model"], dialect),
        now=route["now"],
        client=route["client"],
        compact=route["compact"],
    )
    assert again.body == question.body
    assert dialect == ACME.dialect


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
def test_filters_find_each_side(sides: Sides, expression: str, client: bool, attempt: bool) -> None:
    flows = asked(sides, LOSSY)[:2]
    answered(sides, *flows)
    assert [bool(flowfilter.match(expression, one)) for one in flows] == [client, attempt]


def test_each_side_leads_to_the_other(sides: Sides, view: View) -> None:
    client, attempt, _ = asked(sides)
    view.add([client, attempt])
    sides.other(client)
    assert view.focus.flow is attempt
    sides.other(attempt)
    assert view.focus.flow is client


def test_an_exchange_is_listed_with_the_filter_that_shows_it(sides: Sides, view: View) -> None:
    client, attempt, _ = asked(sides)
    unrelated = tflow.tflow()
    view.add([client, attempt, unrelated])
    expression, *comments = sides.flows(attempt)
    assert comments == [client.comment, attempt.comment]
    assert [bool(flowfilter.match(expression, one)) for one in (client, attempt, unrelated)] == [True, True, False]


@pytest.mark.parametrize("name", ["exchange.other", "exchange.flows"])
def test_what_is_no_exchange_leads_nowhere(sides: Sides, view: View, name: str) -> None:
    view.add([tflow.tflow()])
    with pytest.raises(exceptions.CommandError, match="no part of a converted exchange"):
        ctx.master.commands.execute(f"{name} @focus")


def test_the_other_side_may_be_gone_or_hidden(sides: Sides, view: View) -> None:
    client, attempt, _ = asked(sides)
    view.add([client])
    with pytest.raises(exceptions.CommandError, match="not in the list"):
        sides.other(client)
    view.add([attempt])
    view.set_filter_cmd("~u responses")
    with pytest.raises(exceptions.CommandError, match="hidden by the filter"):
        sides.other(client)
    assert view.focus.flow is client


def test_where_there_is_no_list_the_commands_say_so() -> None:
    with taddons.context(loaded := Sides(lambda exchange: ())):
        client, _, _ = asked(loaded)
        with pytest.raises(exceptions.CommandError, match="no list of flows"):
            loaded.other(client)


def test_what_is_sent_again_is_told_anew(sides: Sides) -> None:
    client, attempt, _ = asked(sides)
    answered(sides, client, attempt)
    for one in (client, attempt):
        one.is_replay, one.marked = "request", FAILED
        sides.requestheaders(one)
        assert one.marked == ""
    assert client.comment == ""
    assert attempt.comment == f"{client.id[:8]}, replayed: acme"
    assert TIMES not in attempt.metadata


def test_a_name_with_controls_makes_a_comment_without(sides: Sides) -> None:
    client = tflow.tflow(req=tutils.treq(path=b"/v1/responses"))
    conversion = Conversion(client)
    conversion.attempt = attempt = tflow.tflow()
    question = open_exchange(RAW, ACME, now=7, client="codex")
    model = "a\n\x1b[31m" + "b" * 9_000
    sides.opened(conversion, question, ACME, model=model, now=7, client="codex", compact=False)
    assert r": a\n\x1b[31mbbb" in client.comment and len(client.comment) <= 500
    assert client.comment.isprintable() and attempt.comment.isprintable()
