"""Waiting ends when the client leaves."""

import asyncio

from addons.failover.collaborators import pause


async def test_a_pause_ends_when_the_client_leaves() -> None:
    left = asyncio.Event()
    waiting = asyncio.create_task(pause(3600, left))
    await asyncio.sleep(0)
    assert not waiting.done()
    left.set()
    await waiting


async def test_a_pause_ends_when_its_time_is_over() -> None:
    await pause(0.001, asyncio.Event())
