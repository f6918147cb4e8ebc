"""Answers that still run, as a person sees them."""

from collections.abc import Iterator

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from addons.layer import live_bodies
from tests.addons.layer.conftest import installed
from tests.addons.stage import Planned, Stage, attempt, begun, chunk

__all__ = ["installed"]  # our own stream stands behind each stage


@pytest.fixture
def stage(installed: None) -> Iterator[Stage]:
    """One that has read `one`."""
    yield begun(Planned(attempt()))


def body(stage: Stage, side: str) -> bytes | None:
    response = stage.flow(side).response
    return response.raw_content if response else None


def test_both_sides_show_what_came_so_far(stage: Stage) -> None:
    shown = live_bodies.refresh(None, now=0)
    assert {id(flow) for flow in shown} >= {id(stage.flow("client")), id(stage.flow("upstream"))}
    assert (body(stage, "client"), body(stage, "upstream")) == (b"ONE", b"one")


def test_the_flow_that_is_looked_at_follows_and_the_others_wait_for_their_end(stage: Stage) -> None:
    live_bodies.refresh(None, now=0)
    stage.upstream(chunk(b"two"))
    assert live_bodies.refresh(stage.flow("client"), now=2) == [stage.flow("client")]
    assert (body(stage, "client"), body(stage, "upstream")) == (b"ONETWO", b"one")


def test_nothing_new_is_nothing_to_show(stage: Stage) -> None:
    live_bodies.refresh(None, now=0)
    assert live_bodies.refresh(stage.flow("client"), now=2) == []


def test_at_its_end_a_flow_has_all_and_is_looked_after_no_more(stage: Stage) -> None:
    live_bodies.refresh(None, now=0)
    stage.upstream(chunk(b"two") + b"0\r\n\r\n")
    assert (body(stage, "client"), body(stage, "upstream")) == (b"ONETWOEND", b"onetwo")
    assert live_bodies.refresh(stage.flow("client"), now=2) == []


def test_a_client_that_leaves_ends_it_too(stage: Stage) -> None:
    stage.leaves()
    flows = (stage.flow("client"), stage.flow("upstream"))
    assert not [flow for flow in live_bodies.refresh(None, now=0) if flow in flows]


def test_what_is_large_is_shown_less_often() -> None:
    """Reading it anew from its beginning each second would cost more the longer it is."""
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
