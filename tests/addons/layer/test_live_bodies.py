"""Bodies of running responses, as a person sees them."""

from collections.abc import Iterator

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from addons.layer import live_bodies
from tests.addons.layer.conftest import installed
from tests.addons.stage import Planned, Stage, attempt, begun, chunk

__all__ = ["installed"]  # each stage needs our stream layer


@pytest.fixture
def stage(installed: None) -> Iterator[Stage]:
    """After `one` was received."""
    yield begun(Planned(attempt()))


def body(stage: Stage, side: str) -> bytes | None:
    response = stage.flow(side).response
    return response.raw_content if response else None


def test_both_flows_show_what_was_received_so_far(stage: Stage) -> None:
    shown = live_bodies.refresh(None, now=0)
    assert {id(flow) for flow in shown} >= {id(stage.flow("client")), id(stage.flow("upstream"))}
    assert (body(stage, "client"), body(stage, "upstream")) == (b"ONE", b"one")


def test_the_focused_flow_is_updated_and_others_wait_for_their_end(stage: Stage) -> None:
    live_bodies.refresh(None, now=0)
    stage.upstream(chunk(b"two"))
    assert live_bodies.refresh(stage.flow("client"), now=2) == [stage.flow("client")]
    assert (body(stage, "client"), body(stage, "upstream")) == (b"ONETWO", b"one")


def test_without_new_bytes_no_flow_changes(stage: Stage) -> None:
    live_bodies.refresh(None, now=0)
    assert live_bodies.refresh(stage.flow("client"), now=2) == []


def test_at_its_end_a_flow_has_the_whole_body_and_changes_no_more(stage: Stage) -> None:
    live_bodies.refresh(None, now=0)
    stage.upstream(chunk(b"two") + b"0\r\n\r\n")
    assert (body(stage, "client"), body(stage, "upstream")) == (b"ONETWOEND", b"onetwo")
    assert live_bodies.refresh(stage.flow("client"), now=2) == []


def test_a_client_that_disconnects_ends_the_updates(stage: Stage) -> None:
    stage.leaves()
    flows = (stage.flow("client"), stage.flow("upstream"))
    assert not [flow for flow in live_bodies.refresh(None, now=0) if flow in flows]


def test_large_bodies_are_updated_less_often() -> None:
    """Each update is read from the beginning: once a second would cost more the larger the body is."""
    flow: http.HTTPFlow = tflow.tflow(resp=True)
    growing = bytearray(b"x" * 1_000_000)
    live_bodies.began(flow, growing)
    seconds = []
    for second in range(40):
        growing += b"x" * 1000
        if flow in live_bodies.refresh(flow, now=second):
            seconds.append(second)
    live_bodies.ended(flow)
    assert seconds[0] == 0 and 3 <= len(seconds) <= 4
