"""A hook that waits before the next attempt: the client that leaves ends the wait, and the client that stays is kept."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import h2.events
import pytest
from mitmproxy import http

from addons.exchange.exchange import Exchange
from addons.layer import client_stream, timers
from tests.addons.layer.test_http2 import Peer
from tests.addons.layer.test_timers import Hand
from tests.addons.layer_harness import (
    END,
    OK,
    LayerHarness,
    ScriptedAddon,
    Step,
    UppercaseConverter,
    attempt,
    chunk,
    chunked_response,
    harness_after_request,
)

type Wait = Callable[[Exchange], Awaitable[object]]


class WaitingAddon(ScriptedAddon):
    """Waits before each attempt but the first `at_once`."""

    def __init__(self, wait: Wait, *steps: Step, at_once: int = 1, **settings: Any) -> None:
        super().__init__(*steps, **settings)
        self.wait, self.at_once = wait, at_once

    async def next_attempt(self, exchange: Exchange) -> None:  # type: ignore[override]
        if len(exchange.attempts) >= self.at_once:
            await self.wait(exchange)
        super().next_attempt(exchange)


async def until_the_client_leaves(exchange: Exchange) -> None:
    await exchange.client_left.wait()


@pytest.mark.parametrize("at_once", [0, 1])
async def test_a_client_that_leaves_ends_the_wait_before_an_attempt(at_once: int) -> None:
    addon = WaitingAddon(until_the_client_leaves, attempt(1), attempt(2), at_once=at_once)
    harness = LayerHarness(addon, refused=[1])
    harness.client_sends()
    await asyncio.sleep(0)
    assert "client error" not in harness.log
    harness.client_disconnects()
    await harness.hooks_over()
    assert harness.log[-2:] == ["exchange_end", "client error"]
    assert addon.ends[-1][0] == "client_left"
    assert harness.log.count("refuse 1") == at_once and "connect 2" not in harness.log
    assert harness.streams == []


async def test_a_reset_of_an_http2_stream_ends_its_own_wait_alone() -> None:
    addon = WaitingAddon(until_the_client_leaves, attempt(1), attempt(1), attempt(2), attempt(2))
    harness, codex = LayerHarness(addon, refused=[1], alpn=b"h2"), Peer(client=True)
    harness.client_sends(codex.ask(1) + codex.ask(3))
    await asyncio.sleep(0)
    codex.h2.reset_stream(1)
    harness.client_sends(codex.send())
    first, second, *_ = addon.exchanges
    assert first.client_left.is_set() and not second.client_left.is_set()
    await asyncio.sleep(0)
    assert [stream.stream_id for stream in harness.streams] == [3]
    second.client_left.set()  # what it waits for
    await harness.hooks_over()
    harness.upstream_sends(chunked_response(b"two"), port=2)
    codex.read(harness.to_client)
    assert codex.data() == b"TWOEND"
    assert codex.streams(h2.events.StreamEnded) == [3]


async def test_a_client_flow_that_a_person_kills_ends_the_wait() -> None:
    addon = WaitingAddon(until_the_client_leaves, attempt(1), attempt(2))
    harness = harness_after_request(addon, refused=[1])
    await asyncio.sleep(0)
    harness.fire_timers()
    assert not addon.exchanges[0].client_left.is_set()
    harness.flow("client").kill()
    harness.fire_timers()
    await harness.hooks_over()
    assert [outcome for outcome, _ in addon.ends] == ["failed", "killed"]
    assert harness.wakeups == [] and "connect 2" not in harness.log


async def test_nothing_looks_after_a_wait_that_is_over() -> None:
    addon = WaitingAddon(until_the_client_leaves, attempt(1), http.Response.make(503))
    harness = harness_after_request(addon, refused=[1])
    await asyncio.sleep(0)
    addon.exchanges[0].client_left.set()
    await harness.hooks_over()
    harness.fire_timers()
    assert harness.to_client.startswith(b"HTTP/1.1 503")
    assert harness.wakeups == []


class HoldingConverter(UppercaseConverter):
    """Tells nothing before it is committed, or there is content."""

    def feed(self, data: bytes) -> list[bytes]:
        self.held = b"created"
        return super().feed(data)


async def test_a_wait_counts_for_the_patience_of_a_client(monkeypatch: pytest.MonkeyPatch) -> None:
    hand = Hand()
    for module in (timers, client_stream):
        monkeypatch.setattr(module, "time", hand)
    settings = {"answer": HoldingConverter, "head_patience": 120.0, "quiet": 0.0}
    addon = WaitingAddon(until_the_client_leaves, attempt(1), attempt(2), **settings)
    harness = harness_after_request(addon, refused=[1])
    await asyncio.sleep(0)
    hand.now += 119
    addon.exchanges[0].client_left.set()
    await harness.hooks_over()
    harness.upstream_sends(OK + chunk(b"-"), port=2)
    harness.fire_timers()
    assert harness.to_client == b""
    hand.now += 2
    harness.fire_timers()
    assert harness.to_client.endswith(chunk(b"created") + chunk(b"alive"))
    harness.upstream_sends(chunk(b"two") + END, port=2)
    assert harness.to_client.endswith(chunk(b"TWO") + chunk(b"END") + END)
