"""Many paced streams at once for minutes: each has one end, and neither memory nor descriptors grow.

Needs Linux: memory and descriptors are read from /proc.
"""

import argparse
import asyncio
import json
import random
import socket
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import proxy
import soak_load
from bench_load import PROTOCOLS
from soak_load import FAULTS, ExchangeResult

_DELTAS_A_SECOND = 5.0
_DELTAS = (10, 80)
_GROWTH = 1.10
"""How much more memory the last third may have than the one before it."""
_SLACK_MB = 6
_WARM_AFTER = 60
"""Seconds: before that memory is still on its way to what it takes."""

_WEB = ["--set", "web_open_browser=false", "--set", "web_password=soak", "--set", "keep_exchanges=300"]
"""Fewer exchanges are kept in the list than there will be, so that those kept do not look like a leak."""

_REQUEST = Path(__file__).with_name("codex_request.json")


@dataclass
class Observations:
    results: list[ExchangeResult] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)


def routes(address: str) -> str:
    return "".join(
        f'[[routes]]\nmodels = ["{protocol}-*"]\nproviders = ["soak-{protocol}"]\n\n'
        f'[providers.soak-{protocol}]\nprotocol = "{protocol}"\nbase_url = "{address}"\nauth = "none"\n'
        f"first_byte = {soak_load.SILENT_AFTER}\nidle = {soak_load.SILENT_AFTER}\n\n"
        for protocol in PROTOCOLS
    )


def template() -> bytes:
    body = json.loads(_REQUEST.read_text()) | {"model": "MODEL", "stream": True}
    return json.dumps(body).encode()


async def run_client(port: int, until: float, faults: float, chance: random.Random, observations: Observations) -> None:
    """One stream after the other, as one Codex would request them."""
    body = template()
    await asyncio.sleep(chance.random() * 2)
    while time.monotonic() < until:
        kind = chance.choice(FAULTS) if chance.random() < faults else "good"
        deltas = chance.randint(*_DELTAS)
        patience = deltas / _DELTAS_A_SECOND * 3 + 60
        observations.results.append(
            await soak_load.exchange(port, body, chance.choice(PROTOCOLS), kind, deltas, patience)
        )


async def sample(pid: int, observations: Observations) -> None:
    while True:
        await asyncio.sleep(1)
        observations.memory_mb.append(_resident_mb(pid))
        observations.descriptors.append(_descriptors(pid))


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _descriptors(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


async def soak(running: proxy.Proxy, listening: socket.socket, arguments: argparse.Namespace) -> Observations:
    observations, until = Observations(), time.monotonic() + arguments.seconds
    async with await asyncio.start_server(soak_load.paced(_DELTAS_A_SECOND), sock=listening, limit=1 << 22):
        sampling = asyncio.create_task(sample(running.pid, observations))
        clients = [
            run_client(running.port, until, arguments.faults, random.Random(f"{arguments.seed}-{number}"), observations)
            for number in range(arguments.streams)
        ]
        await asyncio.gather(*clients)
        sampling.cancel()
        await asyncio.sleep(3)  # for the last connections to be closed
        observations.descriptors.append(_descriptors(running.pid))
    return observations


def problems(observations: Observations, log: str) -> list[str]:
    """What went wrong, in words; none if all is well."""
    wrong = [result for result in observations.results if not result.is_expected]
    found = [f"{count} x {kind}: {outcome}" for (kind, outcome), count in _counted(wrong).items()]
    found += ["a traceback in the log"] if "Traceback (most recent call last)" in log else []
    third = len(observations.memory_mb) // 3
    middle, last = (statistics.median(observations.memory_mb[at : at + third]) for at in (third, 2 * third))
    if len(observations.memory_mb) >= _WARM_AFTER and last > middle * _GROWTH + _SLACK_MB:
        found.append(f"memory grew from {middle:.0f} to {last:.0f} MB")
    if observations.descriptors[-1] > observations.descriptors[0] + 10 and observations.descriptors[-1] > 60:
        found.append(f"{observations.descriptors[-1]} descriptors are open when all is over")
    return found


def _counted(results: list[ExchangeResult]) -> Counter[tuple[str, str]]:
    return Counter((result.kind, result.outcome) for result in results)


def report(observations: Observations) -> str:
    lines = ["| exchange | end | times |", "| --- | --- | ---: |"]
    lines += [
        f"| {kind} | {outcome} | {count:,} |"
        for (kind, outcome), count in sorted(_counted(observations.results).items())
    ]
    memory, open_files = observations.memory_mb, observations.descriptors
    lines += ["", f"memory: {memory[0]:.0f} MB, then at most {max(memory):.0f}, at last {memory[-1]:.0f}"]
    return "\n".join([*lines, f"descriptors: at most {max(open_files)}, when all is over {open_files[-1]}"])


def run(arguments: argparse.Namespace, folder: Path) -> list[str]:
    """The problems found."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1000))
        (folder / "routes.toml").write_text(routes(f"http://127.0.0.1:{listening.getsockname()[1]}"))
        options = ["--mode", "reverse:http://127.0.0.1:9", "--set", f"routes={folder / 'routes.toml'}"]
        if arguments.program == "mitmweb":
            options += [*_WEB, "--set", f"web_port={proxy.free_port()}"]
        running = stack.enter_context(proxy.mitmdump(proxy.ROUTE, folder, *options, program=arguments.program))
        observations = asyncio.run(soak(running, listening, arguments))
        print(report(observations))
        return problems(observations, running.log.read_text(errors="replace"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--faults", type=float, default=0.2, help="the share of exchanges with a fault")
    parser.add_argument("--program", choices=["mitmdump", "mitmweb"], default="mitmdump")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if found := run(arguments, Path(folder)):
            sys.exit("\n".join(["", "Not as it should be:", *found]))
    print("\nEach exchange had its one end.")


if __name__ == "__main__":
    main()
