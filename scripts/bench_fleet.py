"""The throughput of fleets of one worker and of several, behind haproxy, over the same upstream.

All run side by side and take turns. Upstream, client, haproxy and workers share the machine's cores.
"""

import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import bench_load
from bench_load import Load, Sample
from bench_processes import cpu_seconds, request_bytes, routes, upstream
from proxy import free_port

LOADS = [Load(200, 16, 1), Load(200, 16, 10), Load(2000, 16, 1), Load(2000, 16, 10)]
QUICK = [Load(200, 16, 10), Load(2000, 16, 1)]
HEAD = ["chat through", "deltas", "at once", "a write", "responses/s", "deltas/s", "x one", "first byte p50, p95 ms"]
HEAD += ["workers' CPU s / 1,000", "haproxy's"]
_PROTOCOL = "chat"
_PATIENCE = 90.0  # seconds until a fleet serves
_PROCESS = re.compile(r"\[fleet\] (worker \d+|haproxy) listens on .*, process (\d+)")


@dataclass(frozen=True)
class Fleet:
    port: int
    pids: dict[str, int]
    """Of its workers, and of haproxy."""

    def cpu(self) -> tuple[float, float]:
        """The workers' seconds, and haproxy's."""
        seconds = {name: cpu_seconds(pid) for name, pid in self.pids.items()}
        haproxy = seconds.pop("haproxy")
        return sum(seconds.values()), haproxy


@dataclass(frozen=True)
class Cost:
    """CPU is in seconds for 1,000 deltas."""

    sample: Sample
    workers_cpu: float
    haproxy_cpu: float

    @property
    def rate(self) -> float:
        return self.sample.deltas / self.sample.seconds


@contextmanager
def _running(workers: int, address: str, settings: list[str]) -> Iterator[Fleet]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder, port = Path(name), free_port()
        (folder / "routes.toml").write_text(routes(address))
        chosen = [
            f"routes={folder / 'routes.toml'}",
            f"confdir={folder}",
            f"state_dir={folder}",
            "termlog_verbosity=error",
            *settings,
        ]
        command = [sys.executable, str(Path(__file__).with_name("fleet.py")), str(workers), "-p", str(port)]
        command += [
            "--no-redis",
            "--mode",
            f"reverse:{address}",
            *(part for setting in chosen for part in ("--set", setting)),
        ]
        log = folder / "fleet.log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            yield Fleet(port, _pids(process, log))
        finally:
            process.terminate()
            process.wait(60)


def _pids(process: subprocess.Popen[bytes], log: Path) -> dict[str, int]:
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        if " serve http://" in (text := log.read_text(errors="replace")):
            return {name: int(pid) for name, pid in _PROCESS.findall(text)}
        time.sleep(0.1)
    raise SystemExit(f"the fleet does not serve:\n{log.read_text(errors='replace')}")


async def _cost(fleet: Fleet, load: Load) -> Cost:
    responses = max(load.at_once * 4, 20_000 // load.deltas)
    before = fleet.cpu()
    sample = await bench_load.measure(fleet.port, request_bytes("converted", load.model(_PROTOCOL)), load, responses)
    workers, haproxy = ((now - then) / sample.deltas * 1000 for then, now in zip(before, fleet.cpu(), strict=True))
    return Cost(sample, workers, haproxy)


async def measure(most: int, rounds: int, settings: list[str], *, quick: bool) -> tuple[list[str], list[list[str]]]:
    """A table's head and rows: fleets of one worker and of `most`."""
    loads, sizes = (QUICK if quick else LOADS), sorted({1, most})
    costs: dict[tuple[Load, int], list[Cost]] = defaultdict(list)
    with ExitStack() as stack:
        address = stack.enter_context(upstream())
        fleets = {size: stack.enter_context(_running(size, address, settings)) for size in sizes}
        for fleet in fleets.values():
            await _cost(fleet, Load(20, 16, 1))  # warm
        for _, load, (size, fleet) in product(range(rounds), loads, fleets.items()):
            costs[load, size].append(await _cost(fleet, load))
    return HEAD, [_row(load, size, costs) for load in loads for size in sizes]


def _row(load: Load, size: int, costs: dict[tuple[Load, int], list[Cost]]) -> list[str]:
    mine = costs[load, size]
    rate, one = (statistics.median(cost.rate for cost in measured) for measured in (mine, costs[load, 1]))
    firsts = statistics.quantiles((first * 1000 for cost in mine for first in cost.sample.firsts), n=20)
    return [
        *(f"{size} worker{'s' if size > 1 else ''}", f"{load.deltas:,}", str(load.at_once), str(load.per_write)),
        *(f"{rate / load.deltas:,.0f}", f"{rate:,.0f}", f"{rate / one:.2f}", f"{firsts[9]:.1f}, {firsts[18]:.1f}"),
        f"{statistics.median(cost.workers_cpu for cost in mine):.4f}",
        f"{statistics.median(cost.haproxy_cpu for cost in mine):.4f}",
    ]
