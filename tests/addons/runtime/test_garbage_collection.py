"""Answers do not stay in memory, and the collector disturbs no stream."""

import gc
from collections.abc import Iterator

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from addons.layer.attempt import Attempt
from addons.runtime.garbage_collection import _THAW, Memory
from converters.exchange import Exchange
from tests.addons.house import HELLO, House, question
from tests.addons.stage import answer

pytestmark = pytest.mark.slow  # the collector looks at all that the other tests have left, again and again


class Cycle:
    """Refers to itself, as a connection's layers do."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """Only the test's own collections."""
    gc.collect()
    gc.disable()
    yield
    gc.unfreeze()
    gc.enable()


def live() -> http.HTTPFlow:
    flow = tflow.tflow()
    flow.live = True
    return flow


def cycles() -> int:
    return sum(isinstance(one, Cycle) for one in gc.get_objects())


def over(memory: Memory, flow: http.HTTPFlow) -> None:
    memory.requestheaders(flow)
    memory.response(flow)
    flow.live = False


def test_what_refers_to_itself_goes_when_nothing_runs() -> None:
    memory = Memory()
    over(memory, live())
    Cycle()
    assert cycles() == 1
    assert memory.rest()
    assert cycles() == 0


def test_nothing_is_collected_while_an_exchange_runs() -> None:
    memory, flow = Memory(), live()
    over(memory, live())
    memory.requestheaders(flow)
    Cycle()
    assert not memory.rest()
    assert cycles() == 1
    memory.error(flow)
    assert memory.rest()


def test_where_nothing_happened_nothing_is_collected() -> None:
    memory = Memory()
    assert not memory.rest()
    over(memory, live())
    assert memory.rest()
    assert not memory.rest()


def test_what_is_kept_is_not_looked_at_again() -> None:
    memory, kept = Memory(), [Cycle() for _ in range(100)]
    over(memory, live())
    memory.rest()
    assert cycles() == 0
    assert len(kept) == 100


def test_a_connection_that_was_open_then_goes_in_the_end() -> None:
    memory, connection = Memory(), Cycle()
    over(memory, live())
    memory.rest()
    seen = id(connection)
    del connection
    for _ in range(_THAW):
        memory.client_disconnected(tflow.tclient_conn())
    assert memory.rest()
    gc.unfreeze()
    assert seen not in {id(one) for one in gc.get_objects() if isinstance(one, Cycle)}


@pytest.mark.parametrize("said", [HELLO, answer(b"data: {"), answer(b"<html>")], ids=["whole", "cut", "no stream"])
def test_nothing_of_an_exchange_outlives_its_end_but_its_flows(house: House, said: bytes) -> None:
    """The collector is off: what is found here would stay as long as a list keeps the flows, or until it comes by."""
    stages = [house.asked(question()) for _ in range(3)]
    assert any(isinstance(one, Exchange) for one in gc.get_objects())
    for stage in stages:
        stage.upstream(said)
    assert [one for one in gc.get_objects() if isinstance(one, Exchange | Attempt)] == []
    assert all(len(stage.flows) == 2 for stage in stages)
