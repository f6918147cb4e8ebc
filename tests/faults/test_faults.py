"""Whatever a provider and a client do wrong, the response has one end, and the next one is good."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.fault_bench import ALL, all_scenarios, fault_bench, sampled_scenarios
from tests.faults.faulty_clients import CLIENTS
from tests.faults.good_response import PROTOCOLS, Protocol


def test_there_are_enough_ways_to_go_wrong() -> None:
    assert len(ALL) >= 100
    assert len(CLIENTS) >= 10


async def test_each_fault_ends_well(tmp_path: Path) -> None:
    async with fault_bench(tmp_path) as bench:
        await bench.run("all", sampled_scenarios())
    assert bench.problems() == []


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_each_fault_ends_well_with_each_client(
    protocol: Protocol, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    async with fault_bench(tmp_path) as bench:
        for fault, scenarios in all_scenarios(protocol):
            await bench.run(fault, scenarios)
    record_property("table", bench.table())
    assert bench.problems() == []
