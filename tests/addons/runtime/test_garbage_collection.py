"""Nothing of an ended exchange stays in collection, and the collector runs only while no exchange does."""

import gc
from collections.abc import Iterator

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from addons.exchange.exchange import Attempt, Exchange
from addons.layer.attempt import RunningAttempt
from addons.runtime.garbage_collection import _UNFREEZE_AFTER_CLOSED, GarbageCollection
from converters.conversion import Conversion
from tests.addons.layer_harness import chunked_response
from tests.addons.proxy_under_test import HELLO, ProxyUnderTest, request_body

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
    return sum(isinstance(item, Cycle) for item in gc.get_objects())


def run_exchange(collection: GarbageCollection, flow: http.HTTPFlow) -> None:
    collection.requestheaders(flow)
    collection.response(flow)
    flow.live = False


def test_cycles_are_collected_when_nothing_runs() -> None:
    collection = GarbageCollection()
    run_exchange(collection, live())
    Cycle()
    assert cycles() == 1
    assert collection.collect_if_idle()
    assert cycles() == 0


def test_nothing_is_collected_while_an_exchange_runs() -> None:
    collection, flow = GarbageCollection(), live()
    run_exchange(collection, live())
    collection.requestheaders(flow)
    Cycle()
    assert not collection.collect_if_idle()
    assert cycles() == 1
    collection.error(flow)
    assert collection.collect_if_idle()


def test_nothing_is_collected_where_nothing_happened() -> None:
    collection = GarbageCollection()
    assert not collection.collect_if_idle()
    run_exchange(collection, live())
    assert collection.collect_if_idle()
    assert not collection.collect_if_idle()


def test_kept_objects_are_not_visited_again() -> None:
    collection, kept = GarbageCollection(), [Cycle() for _ in range(100)]
    run_exchange(collection, live())
    collection.collect_if_idle()
    assert cycles() == 0
    assert len(kept) == 100


def test_a_connection_that_was_frozen_while_open_is_collected_in_the_end() -> None:
    collection, connection = GarbageCollection(), Cycle()
    run_exchange(collection, live())
    collection.collect_if_idle()
    frozen = id(connection)
    del connection
    for _ in range(_UNFREEZE_AFTER_CLOSED):
        collection.client_disconnected(tflow.tclient_conn())
    assert collection.collect_if_idle()
    gc.unfreeze()
    assert frozen not in {id(item) for item in gc.get_objects() if isinstance(item, Cycle)}


def exchanges_in_memory() -> list[object]:
    return [item for item in gc.get_objects() if isinstance(item, Conversion | Exchange | Attempt | RunningAttempt)]


@pytest.mark.parametrize(
    "response", [HELLO, chunked_response(b"data: {"), chunked_response(b"<html>")], ids=["whole", "cut", "no stream"]
)
def test_nothing_of_an_exchange_outlives_its_end_but_its_flows(
    proxy_under_test: ProxyUnderTest, response: bytes
) -> None:
    """The collector is off: what is found here would stay as long as the flows are kept, or until a collection."""
    others = exchanges_in_memory()  # of other tests
    harnesses = [proxy_under_test.post(request_body()) for _ in range(3)]
    assert len(exchanges_in_memory()) > len(others)
    for harness in harnesses:
        harness.upstream_sends(response)
    assert [item for item in exchanges_in_memory() if not any(item is other for other in others)] == []
    assert all(len(harness.flows) == 2 for harness in harnesses)
