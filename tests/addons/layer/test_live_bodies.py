"""Bodies of running responses, as a person sees them."""

from collections.abc import Iterator

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from addons.layer import live_bodies
from tests.addons.layer.conftest import installed
from tests.addons.layer_harness import LayerHarness, ScriptedAddon, attempt, chunk, harness_after_first_chunk

__all__ = ["installed"]  # each stage needs our stream layer


@pytest.fixture
def harness(installed: None) -> Iterator[LayerHarness]:
    """After `one` was received."""
    yield harness_after_first_chunk(ScriptedAddon(attempt()))


def body(harness: LayerHarness, side: str) -> bytes | None:
    response = harness.flow(side).response
    return response.raw_content if response else None


def test_both_flows_show_what_was_received_so_far(harness: LayerHarness) -> None:
    shown = live_bodies.refresh(None, now=0)
    assert {id(flow) for flow in shown} >= {id(harness.flow("client")), id(harness.flow("upstream"))}
    assert (body(harness, "client"), body(harness, "upstream")) == (b"ONE", b"one")


def test_the_focused_flow_is_updated_and_others_wait_for_their_end(harness: LayerHarness) -> None:
    live_bodies.refresh(None, now=0)
    harness.upstream_sends(chunk(b"two"))
    assert live_bodies.refresh(harness.flow("client"), now=2) == [harness.flow("client")]
    assert (body(harness, "client"), body(harness, "upstream")) == (b"ONETWO", b"one")


def test_without_new_bytes_no_flow_changes(harness: LayerHarness) -> None:
    live_bodies.refresh(None, now=0)
    assert live_bodies.refresh(harness.flow("client"), now=2) == []


def test_at_its_end_a_flow_has_the_whole_body_and_changes_no_more(harness: LayerHarness) -> None:
    live_bodies.refresh(None, now=0)
    harness.upstream_sends(chunk(b"two") + b"0\r\n\r\n")
    assert (body(harness, "client"), body(harness, "upstream")) == (b"ONETWOEND", b"onetwo")
    assert live_bodies.refresh(harness.flow("client"), now=2) == []


def test_a_client_that_disconnects_ends_the_updates(harness: LayerHarness) -> None:
    harness.client_disconnects()
    flows = (harness.flow("client"), harness.flow("upstream"))
    assert not [flow for flow in live_bodies.refresh(None, now=0) if flow in flows]


def test_large_bodies_are_updated_less_often() -> None:
    """Each update is read from the beginning: once a second would cost more the larger the body is."""
    flow: http.HTTPFlow = tflow.tflow(resp=True)
    growing = bytearray(b"x" * 1_000_000)
    live_bodies.start(flow, growing)
    seconds = []
    for second in range(40):
        growing += b"x" * 1000
        if flow in live_bodies.refresh(flow, now=second):
            seconds.append(second)
    live_bodies.stop(flow)
    assert seconds[0] == 0 and 3 <= len(seconds) <= 4
