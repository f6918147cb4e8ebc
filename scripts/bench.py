"""What the conversions cost beside a mitmdump that only streams the same bytes; prints markdown tables.

Upstream, client and each mitmdump are processes of their own on loopback. The flows take turns in every round, and the
medians over the rounds are printed. With --recording a third flow is measured: the conversions while capture_all keeps
every exchange. With --paced the responses come at the pace of real models, and the delay of each delta is measured;
with --kept it is mitmweb that is measured so, with as many exchanges in its list. CPU is mitmdump's, and includes the
request (39 kB, as Codex sends it), not only the deltas of the response. Needs Linux: both are read from /proc.
"""

import argparse
import asyncio
import signal
import statistics
import sys
from collections import defaultdict
from dataclasses import dataclass
from itertools import product

import bench_fleet
import bench_load
import bench_paced
import bench_requests
import proxy
from bench_load import PROTOCOLS, Load
from bench_processes import cpu_seconds, memory, proxies, quiet, request_bytes, table, warm

BASELINES = {"plain": "plain", "converted": "plain", "recorded": "converted"}
"""What each kind of flow is compared with."""
LOADS = [Load(*numbers) for numbers in product((200, 2000), (1, 16), (1, 10))]
QUICK = [Load(200, 1, 1), Load(2000, 16, 1)]
HEAD = ["flow", "deltas", "at once", "a write", "deltas/s", "first byte p50, p95 ms", "CPU s / 1,000", "RSS MB"]


@dataclass(frozen=True)
class Cost:
    """One sample: `cpu` is mitmdump's seconds for 1,000 deltas, `memory` its bytes afterwards."""

    rate: float
    cpu: float
    firsts: list[float]
    memory: int


type Costs = dict[tuple[str, str, Load], list[Cost]]
"""(kind of flow, protocol, load) -> a sample a round"""


def response_count(load: Load) -> int:
    """Enough that the clock ticks of /proc (10 ms) do not show."""
    return max(load.at_once * 2, 10_000 // load.deltas)


async def sample(running: proxy.Proxy, kind: str, protocol: str, load: Load) -> Cost:
    before = cpu_seconds(running.pid)
    taken = await bench_load.measure(
        running.port, request_bytes(kind, load.model(protocol)), load, response_count(load)
    )
    cpu = (cpu_seconds(running.pid) - before) / taken.deltas * 1000
    used = memory(running.pid)
    await quiet(running.pid)
    return Cost(taken.deltas / taken.seconds, cpu, taken.firsts, used)


async def measure(loads: list[Load], rounds: int, running: dict[str, proxy.Proxy]) -> Costs:
    costs: Costs = defaultdict(list)
    for kind, protocol in product(running, PROTOCOLS):
        await warm(running[kind], kind, protocol)
    for _, load, protocol, kind in product(range(rounds), loads, PROTOCOLS, running):
        costs[kind, protocol, load].append(await sample(running[kind], kind, protocol, load))
    return costs


def row(protocol: str, load: Load, costs: Costs, kind: str) -> list[str]:
    mine = costs[kind, protocol, load]
    rate, cpu = (statistics.median(getattr(cost, name) for cost in mine) for name in ("rate", "cpu"))
    firsts = statistics.quantiles((first * 1000 for cost in mine for first in cost.firsts), n=20)
    cells = [f"{kind} {protocol}", f"{load.deltas:,}", str(load.at_once), str(load.per_write)]
    cells += [f"{rate:,.0f}", f"{firsts[9]:.1f}, {firsts[18]:.1f}", f"{cpu:.4f}"]
    return [
        *cells,
        f"{max(cost.memory for cost in mine) / 1e6:.0f}",
        *_ratios(costs[BASELINES[kind], protocol, load], rate, cpu),
    ]


def _ratios(baseline: list[Cost], rate: float, cpu: float) -> list[str]:
    """How many times the baseline's time and CPU it takes."""
    slower = statistics.median(cost.rate for cost in baseline) / rate
    dearer = cpu / (statistics.median(cost.cpu for cost in baseline) or float("nan"))
    return [f"{slower:.2f}", f"{dearer:.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description="What the conversions cost beside plain streaming.")
    parser.add_argument("--quick", action="store_true", help="one round of two loads")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--recording", action="store_true", help="measure capture_all, too, beside the conversions")
    parser.add_argument("--paced", action="store_true", help="streams at the pace of real models")
    parser.add_argument("--kept", type=int, default=0, help="measure mitmweb, with that many exchanges in its list")
    parser.add_argument("--fleet", type=int, default=0, help="the throughput of that many workers, beside one")
    parser.add_argument("--set", dest="settings", action="append", default=[], help="an option for our mitmdump")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    loads, rounds = (QUICK, 1) if options.quick else (LOADS, options.rounds)
    if options.fleet:
        measured = bench_fleet.measure(options.fleet, rounds, options.settings, quick=options.quick)
        print(table(*asyncio.run(measured)))
        return
    program = "mitmweb" if options.kept else "mitmdump"
    with proxies(program, options.settings, recording=options.recording) as running:
        if options.paced or options.kept:
            print(table(*asyncio.run(bench_paced.measure(running, rounds, quick=options.quick, kept=options.kept))))
            return
        costs = asyncio.run(measure(loads, rounds, running))
    streams = [row(protocol, load, costs, kind) for load in loads for protocol in PROTOCOLS for kind in running]
    print(table([*HEAD, "time x", "CPU x"], streams), end="\n\n")
    head = ["request", "items", "MB", "orjson ms", "conversion ms", "x orjson", "us an item"]
    print(table(head, list(bench_requests.rows(times=3 if options.quick else 10))))


if __name__ == "__main__":
    main()
