"""Whatever a provider and a client do wrong, the client gets one end, and the next one a good answer."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.clients import CLIENTS
from tests.faults.house import ALL, everything, house, something
from tests.faults.speech import PROTOCOLS, Protocol


def test_there_are_enough_ways_to_go_wrong() -> None:
    assert len(ALL) >= 100
    assert len(CLIENTS) >= 10


async def test_each_fault_ends_well(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.run("all", something())
    assert here.complaints() == []


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_each_fault_ends_well_with_each_client(
    protocol: Protocol, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    async with house(tmp_path) as here:
        for fault, cells in everything(protocol):
            await here.run(fault, cells)
    record_property("table", here.table())
    assert here.complaints() == []
