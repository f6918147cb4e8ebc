"""What a failure says would go better is done, once."""

from typing import Any

import pytest
from mitmproxy.test import tflow

from addons.exchange.exchange import Attempt, Plan
from addons.failover.mends import Mends
from addons.lessons.lessons import Lessons
from addons.state.store import MemoryStore
from converters.dialect import DialectChange
from converters.errors import Fault
from tests.addons.exchange_simulation import endpoint
from tests.addons.layer_harness import UppercaseConverter

PLAN = Plan(endpoint("a"))
LESSON = DialectChange("images", False, "it takes no images")


class Refused(UppercaseConverter):
    def __init__(self, **said: Any) -> None:
        super().__init__()
        self.__dict__ |= said


@pytest.fixture
def mends() -> Mends:
    return Mends(Lessons(MemoryStore()).trial())


def refused(plan: Plan = PLAN, **said: Any) -> Attempt:
    return Attempt(tflow.tflow(resp=True), Refused(**said), plan=plan, fault=Fault("bad_request", "no", 400))


def stale() -> Attempt:
    flow = tflow.tflow()
    flow.server_conn.timestamp_start = flow.request.timestamp_start - 5
    return Attempt(flow, UppercaseConverter(), plan=PLAN, fault=Fault("cut", "broke off"))


def test_most_failures_say_nothing_of_the_kind(mends: Mends) -> None:
    assert mends.found(refused(), PLAN) == ""
    assert mends.applied(PLAN) == PLAN


def test_a_stale_connection_is_replaced_once(mends: Mends) -> None:
    assert mends.found(stale(), PLAN) == "next try over a new connection"
    assert mends.found(stale(), PLAN) == ""


def test_reasoning_that_is_refused_is_left_out_there_and_nowhere_else(mends: Mends) -> None:
    assert mends.found(refused(blames_reasoning=True), PLAN) == "next try without earlier reasoning"
    assert mends.applied(PLAN).reasoning_stripped
    assert not mends.applied(Plan(endpoint("b"))).reasoning_stripped
    assert mends.found(refused(blames_reasoning=True), PLAN) == ""


def test_a_response_that_nobody_remembers_is_named_no_more(mends: Mends) -> None:
    assert mends.found(refused(blames_previous_response=True), PLAN) == "next try without previous_response_id"
    assert mends.applied(PLAN).previous_response_stripped
    assert not mends.applied(Plan(endpoint("b"))).previous_response_stripped
    assert mends.found(refused(blames_previous_response=True), PLAN) == ""


def test_a_lesson_is_applied_at_once_and_kept_when_that_is_answered() -> None:
    lessons = Lessons(MemoryStore())
    mends = Mends(lessons.trial())
    assert mends.found(refused(lesson=LESSON), mends.applied(PLAN)).endswith("(it takes no images)")
    better = mends.applied(PLAN)
    assert not better.endpoint.upstream.dialect.images
    assert lessons.show() == []
    mends.confirm(better)
    assert len(lessons.show()) == 1


def test_the_same_lesson_twice_helps_nobody(mends: Mends) -> None:
    assert mends.found(refused(lesson=LESSON), mends.applied(PLAN))
    assert mends.found(refused(lesson=LESSON), mends.applied(PLAN)) == ""
