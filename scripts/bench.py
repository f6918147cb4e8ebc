"""What the conversions cost beside a mitmdump that only streams the same bytes; prints markdown tables.

Upstream, client and each mitmdump are processes of their own on loopback. The flows take turns in every round, and the
medians over the rounds are told. With --recording a third flow is measured: the conversions while capture_all keeps
every exchange. CPU is mitmdump's, and includes the question (39 kB, as Codex sends it), not only the
answer's deltas. Needs Linux: CPU and memory are read from /proc.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import bench_load
import bench_requests
import proxy
from bench_load import Load

from addons import keeping

PLAIN = Path(__file__).with_name("bench_plain.py")
PROTOCOLS = ("chat", "anthropic")
PATHS = {"plain": "/v1/plain", "converted": "/v1/responses", "recorded": "/v1/responses"}
FLOORS = {"plain": "plain", "converted": "plain", "recorded": "converted"}
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


def routes(address: str) -> str:
    return "".join(
        f'[[routes]]\nmodels = ["{one}-*"]\nproviders = ["bench-{one}"]\n\n'
        f'[providers.bench-{one}]\nprotocol = "{one}"\nbase_url = "{address}"\nauth = "none"\n\n'
        for one in PROTOCOLS
    )


@contextmanager
def upstream() -> Iterator[str]:
    """The address of the upstream, which is a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, bench_load.__file__, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()  # it is ready
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@contextmanager
def proxies(settings: list[str], *, recording: bool = False) -> Iterator[dict[str, proxy.Proxy]]:
    """The floor and ours, each over the same upstream."""
    with ExitStack() as stack:
        address = stack.enter_context(upstream())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        (folder / "routes.toml").write_text(routes(address))
        common = ["--quiet", "--mode", f"reverse:{address}"]
        ours = ["--set", f"routes={folder / 'routes.toml'}", *(part for one in settings for part in ("--set", one))]
        commands: dict[str, list[str | Path]] = {"plain": [PLAIN, folder, *common]}
        commands["converted"] = [proxy.ROUTE, folder, *common, *ours]
        if recording:
            stack.callback(_wait_for_keeper, folder / "kept")
            commands["recorded"] = [*commands["converted"], "--set", f"capture_all={folder / 'kept'}"]
        yield {kind: stack.enter_context(proxy.mitmdump(*command)) for kind, command in commands.items()}


def _wait_for_keeper(folder: Path) -> None:
    """What is kept is written by a process that outlives its proxy."""
    with keeping.alone(folder):
        pass


def question(kind: str, protocol: str, load: Load) -> bytes:
    body = json.loads(bench_requests.RECORDED.read_text())
    text = json.dumps(body | {"model": f"{protocol}-{load.deltas}-{load.per_write}"}, ensure_ascii=False).encode()
    head = f"POST {PATHS[kind]} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    return f"{head}accept: text/event-stream\r\ncontent-length: {len(text)}\r\n\r\n".encode() + text


def answers(load: Load) -> int:
    """Enough that the clock ticks of /proc (10 ms) do not show."""
    return max(load.at_once * 2, 10_000 // load.deltas)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def quiet(pid: int) -> None:
    """Waits until the process that writes what is kept has caught up: it is not to slow the next flow down."""
    before = -1.0
    while (now := sum(map(cpu_seconds, _children(pid)))) != before:
        before = now
        await asyncio.sleep(0.5)  # more than the moment of rest that it waits for itself


async def sample(running: proxy.Proxy, kind: str, protocol: str, load: Load) -> Cost:
    before = cpu_seconds(running.pid)
    taken = await bench_load.measure(running.port, question(kind, protocol, load), load, answers(load))
    cpu = (cpu_seconds(running.pid) - before) / taken.deltas * 1000
    used = memory(running.pid)
    await quiet(running.pid)
    return Cost(taken.deltas / taken.seconds, cpu, taken.firsts, used)


async def warm(running: proxy.Proxy, kind: str, protocol: str) -> None:
    """A first answer, read with care: a proxy that answers something else is fast too."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=1 << 20)
    _, answer = await bench_load.ask(reader, writer, question(kind, protocol, LOADS[0]))
    writer.close()
    end = b'"response.completed"' if kind != "plain" else b'"stop"' if protocol == "chat" else b'"message_stop"'
    if end not in answer:
        raise SystemExit(f"{kind} {protocol}: the answer has no {end.decode()}:\n{answer[-2000:].decode()}")


async def measure(loads: list[Load], rounds: int, running: dict[str, proxy.Proxy]) -> Costs:
    costs: Costs = defaultdict(list)
    for kind, protocol in product(running, PROTOCOLS):
        await warm(running[kind], kind, protocol)
    for _, load, protocol, kind in product(range(rounds), loads, PROTOCOLS, running):
        costs[kind, protocol, load].append(await sample(running[kind], kind, protocol, load))
    return costs


def row(protocol: str, load: Load, costs: Costs, kind: str) -> list[str]:
    mine = costs[kind, protocol, load]
    rate, cpu = (statistics.median(getattr(one, name) for one in mine) for name in ("rate", "cpu"))
    firsts = statistics.quantiles((first * 1000 for one in mine for first in one.firsts), n=20)
    cells = [f"{kind} {protocol}", f"{load.deltas:,}", str(load.at_once), str(load.per_write)]
    cells += [f"{rate:,.0f}", f"{firsts[9]:.1f}, {firsts[18]:.1f}", f"{cpu:.4f}"]
    return [
        *cells,
        f"{max(one.memory for one in mine) / 1e6:.0f}",
        *_ratios(costs[FLOORS[kind], protocol, load], rate, cpu),
    ]


def _ratios(floor: list[Cost], rate: float, cpu: float) -> list[str]:
    """How many times the floor's time and CPU it takes."""
    slower = statistics.median(one.rate for one in floor) / rate
    dearer = cpu / (statistics.median(one.cpu for one in floor) or float("nan"))
    return [f"{slower:.2f}", f"{dearer:.2f}"]


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="What the conversions cost beside plain streaming.")
    parser.add_argument("--quick", action="store_true", help="one round of two loads")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--recording", action="store_true", help="measure capture_all, too, beside the conversions")
    parser.add_argument("--set", dest="settings", action="append", default=[], help="an option for our mitmdump")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    loads, rounds = (QUICK, 1) if options.quick else (LOADS, options.rounds)
    with proxies(options.settings, recording=options.recording) as running:
        costs = asyncio.run(measure(loads, rounds, running))
    streams = [row(protocol, load, costs, kind) for load in loads for protocol in PROTOCOLS for kind in running]
    print(table([*HEAD, "time x", "CPU x"], streams), end="\n\n")
    head = ["request", "items", "MB", "orjson ms", "conversion ms", "x orjson", "us an item"]
    print(table(head, list(bench_requests.rows(times=3 if options.quick else 10))))


if __name__ == "__main__":
    main()
