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
from soak_load import FAULTS, Asked

_DELTAS_A_SECOND = 5.0
_DELTAS = (10, 80)
_GROWTH = 1.10
"""How much more memory the last third may have than the one before it."""
_SLACK_MB = 6
_WARM_AFTER = 60
"""Seconds: before that memory is still on its way to what it takes."""

_WEB = ["--set", "web_open_browser=false", "--set", "web_password=soak", "--set", "keep_exchanges=300"]
"""With fewer exchanges in the list than there will be: what is kept there is not what leaks."""
"""With fewer flows in the list than there will be exchanges: what is kept is not what leaks."""

_REQUEST = Path(__file__).with_name("codex_request.json")


@dataclass
class Seen:
    asked: list[Asked] = field(default_factory=list)
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


async def keep_asking(port: int, until: float, faults: float, chance: random.Random, seen: Seen) -> None:
    """One stream after the other, as one Codex would."""
    body = template()
    await asyncio.sleep(chance.random() * 2)
    while time.monotonic() < until:
        kind = chance.choice(FAULTS) if chance.random() < faults else "good"
        deltas = chance.randint(*_DELTAS)
        patience = deltas / _DELTAS_A_SECOND * 3 + 60
        seen.asked.append(await soak_load.ask(port, body, chance.choice(PROTOCOLS), kind, deltas, patience))


async def sample(pid: int, seen: Seen) -> None:
    while True:
        await asyncio.sleep(1)
        seen.memory_mb.append(_resident_mb(pid))
        seen.descriptors.append(_descriptors(pid))


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _descriptors(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


async def soak(one: proxy.Proxy, listening: socket.socket, arguments: argparse.Namespace) -> Seen:
    seen, until = Seen(), time.monotonic() + arguments.seconds
    async with await asyncio.start_server(soak_load.paced(_DELTAS_A_SECOND), sock=listening, limit=1 << 22):
        sampling = asyncio.create_task(sample(one.pid, seen))
        clients = [
            keep_asking(one.port, until, arguments.faults, random.Random(f"{arguments.seed}-{number}"), seen)
            for number in range(arguments.streams)
        ]
        await asyncio.gather(*clients)
        sampling.cancel()
        await asyncio.sleep(3)  # for the last connections to be closed
        seen.descriptors.append(_descriptors(one.pid))
    return seen


def complaints(seen: Seen, log: str) -> list[str]:
    """What should not have been, in words; none if all is well."""
    wrong = [asked for asked in seen.asked if not asked.is_expected]
    found = [f"{count} x {kind}: {outcome}" for (kind, outcome), count in _counted(wrong).items()]
    found += ["a traceback in the log"] if "Traceback (most recent call last)" in log else []
    third = len(seen.memory_mb) // 3
    middle, last = (statistics.median(seen.memory_mb[at : at + third]) for at in (third, 2 * third))
    if len(seen.memory_mb) >= _WARM_AFTER and last > middle * _GROWTH + _SLACK_MB:
        found.append(f"memory grew from {middle:.0f} to {last:.0f} MB")
    if seen.descriptors[-1] > seen.descriptors[0] + 10 and seen.descriptors[-1] > 60:
        found.append(f"{seen.descriptors[-1]} descriptors are open when all is over")
    return found


def _counted(asked: list[Asked]) -> Counter[tuple[str, str]]:
    return Counter((one.kind, one.outcome) for one in asked)


def report(seen: Seen) -> str:
    lines = ["| exchange | end | times |", "| --- | --- | ---: |"]
    lines += [f"| {kind} | {outcome} | {count:,} |" for (kind, outcome), count in sorted(_counted(seen.asked).items())]
    memory, open_files = seen.memory_mb, seen.descriptors
    lines += ["", f"memory: {memory[0]:.0f} MB, then at most {max(memory):.0f}, at last {memory[-1]:.0f}"]
    return "\n".join([*lines, f"descriptors: at most {max(open_files)}, when all is over {open_files[-1]}"])


def run(arguments: argparse.Namespace, folder: Path) -> list[str]:
    """What was not as it should be."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1000))
        (folder / "routes.toml").write_text(routes(f"http://127.0.0.1:{listening.getsockname()[1]}"))
        options = ["--mode", "reverse:http://127.0.0.1:9", "--set", f"routes={folder / 'routes.toml'}"]
        if arguments.program == "mitmweb":
            options += [*_WEB, "--set", f"web_port={proxy.free_port()}"]
        one = stack.enter_context(proxy.mitmdump(proxy.ROUTE, folder, *options, program=arguments.program))
        seen = asyncio.run(soak(one, listening, arguments))
        print(report(seen))
        return complaints(seen, one.log.read_text(errors="replace"))


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
