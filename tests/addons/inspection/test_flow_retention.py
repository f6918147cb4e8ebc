"""The oldest exchanges are removed from the list, both sides at once; what somebody wants to see stays."""

import asyncio
from collections.abc import Iterator

import pytest
from mitmproxy import ctx, exceptions, http
from mitmproxy.addons.view import View
from mitmproxy.test import taddons, tflow, tutils

from addons.exchange.flow_metadata import EXCHANGE, SIDE
from addons.inspection import packed_bodies
from addons.inspection.annotations import FAILED
from addons.inspection.flow_retention import FlowRetention

BODY = b"0123456789" * 10_000


class Listing:
    """A list that keeps three exchanges, and methods that let exchanges happen."""

    def __init__(self) -> None:
        self.view, self.retention = View(), FlowRetention()
        self.removed: list[str] = []

    def remember(self, flow: http.HTTPFlow, index: int) -> None:
        self.removed.append(flow.id)

    def start_flow(self, flow: http.HTTPFlow) -> None:
        flow.live = True
        self.view.requestheaders(flow)  # type: ignore[no-untyped-call]
        self.retention.requestheaders(flow)

    def begin_exchange(self, *, attempts: int = 1, body: bytes = b"") -> list[http.HTTPFlow]:
        """The flows of an exchange, the client's first."""
        client, *attempt_flows = flows = [tflow.tflow() for _ in range(1 + attempts)]
        client.request.raw_content = body
        self.start_flow(client)
        client.metadata |= {EXCHANGE: client.id, SIDE: "client"}
        for attempt in attempt_flows:
            attempt.metadata |= {EXCHANGE: client.id, SIDE: "upstream"}
            self.start_flow(attempt)
        return flows

    def end_exchange(self, flows: list[http.HTTPFlow]) -> None:
        client, *attempt_flows = flows
        for attempt in attempt_flows:
            attempt.live = False
            self.retention.response(attempt)
        client.response = tutils.tresp()
        self.retention.response(client)
        client.live = False

    def run_exchanges(self, times: int = 1, *, attempts: int = 1, body: bytes = b"") -> list[list[http.HTTPFlow]]:
        exchanges = []
        for _ in range(times):
            exchanges.append(self.begin_exchange(attempts=attempts, body=body))
            self.end_exchange(exchanges[-1])
        return exchanges

    def shown(self, flows: list[http.HTTPFlow]) -> list[bool]:
        return [flow in self.view for flow in flows]


@pytest.fixture
def listing() -> Iterator[Listing]:
    listing = Listing()
    with taddons.context(listing.view, listing.retention) as context:
        context.options.update(keep_exchanges=3, keep_mb=0)
        listing.view.sig_view_remove.connect(listing.remember)
        listing.retention.watch(listing.view)
        yield listing


def test_the_oldest_leave_both_sides_at_once_and_the_page_is_told(listing: Listing) -> None:
    *gone, first, second, third = listing.run_exchanges(5, attempts=2)
    assert [listing.shown(flows) for flows in gone] == [[False] * 3] * 2
    assert listing.removed == [flow.id for flows in gone for flow in flows]
    assert all(all(listing.shown(flows)) for flows in (first, second, third))
    assert listing.view.store_count() == 9


def test_what_passes_through_counts_too(listing: Listing) -> None:
    listing.run_exchanges(5, attempts=0)
    assert listing.view.store_count() == 3


def test_what_runs_stays_and_is_never_stopped(listing: Listing) -> None:
    running = listing.begin_exchange()
    listing.run_exchanges(5)
    assert listing.shown(running) == [True, True]
    assert all(flow.live and flow.error is None for flow in running)
    listing.end_exchange(running)
    listing.run_exchanges(3)
    assert listing.shown(running) == [False, False]


def test_what_is_held_in_its_answer_stays(listing: Listing) -> None:
    [held] = listing.run_exchanges()
    held[0].live, held[0].intercepted = True, True
    listing.run_exchanges(5)
    assert listing.shown(held) == [True, True]


@pytest.mark.parametrize("side", [0, 1])
def test_what_somebody_marked_stays_until_the_mark_is_gone(listing: Listing, side: int) -> None:
    [marked] = listing.run_exchanges()
    marked[side].marked = ":grapes:"
    listing.run_exchanges(8)
    assert listing.shown(marked) == [True, True]
    assert listing.view.store_count() == 2 * (1 + 3)  # it does not count
    marked[side].marked = ""
    listing.run_exchanges(2)
    assert listing.shown(marked) == [False, False]


def test_our_own_marks_are_nobody_s_wish(listing: Listing) -> None:
    [failed] = listing.run_exchanges()
    failed[0].marked = failed[1].marked = FAILED
    listing.run_exchanges(3)
    assert listing.shown(failed) == [False, False]


def test_an_exchange_that_fails_ends_too(listing: Listing) -> None:
    for _ in range(5):
        flows = listing.begin_exchange(attempts=0)
        flows[0].live = False  # as where a person kills it
        listing.retention.error(flows[0])
    assert listing.view.store_count() == 3


def test_bytes_are_counted(listing: Listing) -> None:
    ctx.options.update(keep_exchanges=0, keep_mb=1)
    listing.run_exchanges(30, attempts=0, body=BODY)
    assert 9 <= listing.view.store_count() <= 11


def test_the_last_one_stays_whatever_its_size(listing: Listing) -> None:
    ctx.options.update(keep_exchanges=0, keep_mb=1)
    _, last = listing.run_exchanges(2, attempts=0, body=BODY * 20)
    assert list(listing.view) == last


def test_without_limits_all_stays(listing: Listing) -> None:
    ctx.options.update(keep_exchanges=0)
    listing.run_exchanges(20)
    assert listing.view.store_count() == 40


@pytest.mark.parametrize("name", ["keep_exchanges", "keep_mb"])
def test_less_than_nothing_is_refused(listing: Listing, name: str) -> None:
    with pytest.raises(exceptions.OptionsError, match=f"{name}: "):
        ctx.options.update(**{name: -1})


def test_what_was_loaded_from_a_file_stays(listing: Listing) -> None:
    loaded = [tflow.tflow(resp=True) for _ in range(9)]
    for flow in loaded:
        listing.view.requestheaders(flow)  # type: ignore[no-untyped-call]
        listing.retention.requestheaders(flow)
        listing.retention.response(flow)
    listing.run_exchanges(5)
    assert all(listing.shown(loaded))


def test_an_exchange_s_flows_are_found_as_long_as_they_are_in_the_list(listing: Listing) -> None:
    [flows] = listing.run_exchanges(attempts=2)
    client = flows[0]
    assert list(listing.retention.exchange(client.id)) == flows
    listing.view.remove(flows[1:2])
    assert list(listing.retention.exchange(client.id)) == [flows[0], flows[2]]
    listing.view.clear()
    assert listing.retention.exchange(client.id) == ()
    listing.run_exchanges(9)
    assert listing.view.store_count() == 6


def test_a_duplicate_that_is_replayed_is_an_exchange_of_its_own(listing: Listing) -> None:
    [flows] = listing.run_exchanges(attempts=1)
    listing.view.duplicate(flows[:1])
    [copy] = [flow for flow in listing.view if flow not in flows]
    assert copy in listing.retention.exchange(flows[0].id)
    listing.start_flow(copy)
    copy.metadata[EXCHANGE] = copy.id
    listing.end_exchange([copy])
    assert list(listing.retention.exchange(copy.id)) == [copy]
    listing.run_exchanges(9)
    assert listing.view.store_count() == 6


def test_an_end_looks_at_a_few_exchanges_however_many_are_kept(
    listing: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts how often `must_stay` is read where the user has marked most exchanges."""
    for flows in listing.run_exchanges(3):
        flows[0].marked = ":grapes:"
    for _ in range(200):
        [flows] = listing.run_exchanges()
        flows[0].marked = ":grapes:"
    reads: list[object] = []
    original = type(listing.retention._exchanges[flows[0].id]).must_stay.fget
    assert original is not None

    def counting(self: object) -> bool:
        reads.append(self)
        return bool(original(self))

    monkeypatch.setattr("addons.inspection.flow_retention._Exchange.must_stay", property(counting))
    listing.run_exchanges(10)
    assert len(reads) <= 2 * 10


async def test_bodies_of_what_is_over_are_kept_packed(listing: Listing) -> None:
    ctx.options.update(keep_exchanges=0, keep_mb=1)
    listing.retention.running()
    listing.run_exchanges(30, attempts=0, body=BODY)
    before = listing.view.store_count()
    while packed_bodies.is_worth_it(listing.view[-1].request):
        await asyncio.sleep(0.01)
    assert all(packed_bodies.size(flow.request) < len(BODY) / 10 for flow in listing.view)
    assert all(flow.request.raw_content == BODY for flow in listing.view)
    listing.run_exchanges(30, attempts=0)
    assert listing.view.store_count() == before + 30  # they take less now
    listing.retention.done()
