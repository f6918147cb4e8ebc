"""Streams at the pace of real models: how late each delta comes, by the time that its upstream wrote into it.

The clock is CLOCK_MONOTONIC, which is one for all processes of a machine.
"""

import asyncio
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import bench_load
import proxy
from bench_load import PROTOCOLS, Load
from bench_processes import cpu_seconds, memory, request_bytes, warm

HEAD = ["flow", "at once", "a second", "p50 ms", "p99 ms", "worst ms", "CPU s / 1,000", "RSS MB", "CPU x", "p99 + ms"]
_LONG = 6.0  # seconds that each response takes
_ARRIVAL = 2.0  # seconds over which the clients come: all at once, they would measure the requests
_STAMP = re.compile(rb'"(?:content|text|delta)": ?"@([\d.]+)"')
"""The texts that come whole at the end hold several."""


@dataclass(frozen=True)
class Pace:
    """`at_once` streams side by side, of `rate` deltas a second each."""

    at_once: int
    rate: int

    @property
    def deltas(self) -> int:
        """In each response."""
        return int(_LONG * self.rate)

    def model(self, protocol: str) -> str:
        return f"{protocol}-{self.deltas}-{self.rate}-paced"


PACES = [Pace(1, 50), Pace(50, 20), Pace(50, 50), Pace(20, 100)]
QUICK = [Pace(50, 50)]


@dataclass(frozen=True)
class Cost:
    """One sample: seconds that each delta was late, and mitmproxy's seconds for 1,000 of them."""

    delays: list[float]
    cpu: float
    memory: int


async def measure(
    running: Mapping[str, proxy.Proxy], rounds: int, *, quick: bool, kept: int
) -> tuple[list[str], list[list[str]]]:
    """A table's head and rows. The flows take turns in every round; each has served `kept` exchanges before."""
    costs: dict[tuple[str, str, Pace], list[Cost]] = defaultdict(list)
    paces = QUICK if quick else PACES
    for kind, protocol in product(running, PROTOCOLS):
        await warm(running[kind], kind, protocol)
        await _fill(running[kind], kind, protocol, kept // len(PROTOCOLS))
    for _, pace, protocol, kind in product(range(rounds), paces, PROTOCOLS, running):
        costs[kind, protocol, pace].append(await _sample(running[kind], kind, protocol, pace))
    rows = [
        _row(kind, protocol, pace, costs[kind, protocol, pace], costs["plain", protocol, pace])
        for pace, protocol, kind in product(paces, PROTOCOLS, running)
    ]
    return HEAD, rows


async def _fill(running: proxy.Proxy, kind: str, protocol: str, requests: int) -> None:
    load = Load(deltas=100, at_once=4, per_write=10)
    await bench_load.measure(running.port, request_bytes(kind, load.model(protocol)), load, requests)


async def _sample(running: proxy.Proxy, kind: str, protocol: str, pace: Pace) -> Cost:
    before = cpu_seconds(running.pid)
    request = request_bytes(kind, pace.model(protocol))

    async def client(number: int) -> list[float]:
        await asyncio.sleep(_ARRIVAL * number / pace.at_once)
        return await _delays(running.port, request, pace.deltas)

    delays = [delay for stream in await asyncio.gather(*map(client, range(pace.at_once))) for delay in stream]
    return Cost(delays, (cpu_seconds(running.pid) - before) / len(delays) * 1000, memory(running.pid))


async def _delays(port: int, request: bytes, deltas: int) -> list[float]:
    """How many seconds each delta took from the upstream to the client.

    Raises:
        RuntimeError: the response is not whole.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    delays: list[float] = []
    while data := await reader.read(1 << 16):
        now = time.monotonic()
        delays += [now - float(stamp[1]) for stamp in _STAMP.finditer(data)]
        if data.endswith(bench_load.END):
            break
    writer.close()
    if not head.startswith(b"HTTP/1.1 200") or len(delays) != deltas:
        raise RuntimeError(f"{len(delays)} of {deltas} deltas came: {head!r}")
    return delays


def _row(kind: str, protocol: str, pace: Pace, mine: list[Cost], baseline: list[Cost]) -> list[str]:
    delays = _percentiles(mine)
    cpu, plain = (statistics.median(cost.cpu for cost in costs) for costs in (mine, baseline))
    later = delays[98] - _percentiles(baseline)[98]
    worst = max(max(cost.delays) for cost in mine) * 1000
    cells = [f"{kind} {protocol}", str(pace.at_once), str(pace.rate), f"{delays[49]:.1f}", f"{delays[98]:.1f}"]
    cells += [f"{worst:.1f}", f"{cpu:.3f}", f"{max(cost.memory for cost in mine) / 1e6:.0f}"]
    return [*cells, f"{cpu / (plain or float('nan')):.2f}", f"{later:+.1f}"]


def _percentiles(costs: list[Cost]) -> list[float]:
    """Of the delays, in milliseconds."""
    return statistics.quantiles((delay * 1000 for cost in costs for delay in cost.delays), n=100)
