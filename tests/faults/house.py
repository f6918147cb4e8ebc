"""A real proxy between misbehaving providers and misbehaving clients, and a table of what came of it."""

import asyncio
import itertools
import os
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts import proxy
from tests.faults import answers, judge, transport, upstream
from tests.faults.clients import CLIENTS, PLAIN, ask
from tests.faults.speech import PROTOCOLS, Protocol
from tests.faults.upstream import DOORS, GOOD

PATIENCE = 90.0
"""Seconds after which a client hangs; every limit of the proxy's is far below."""

AT_ONCE = 14
MOST_MEMORY = 300
"""MB of resident memory that the proxy may have had at its peak, some dozens of exchanges at a time."""

_SHORT = "connect = 2.0\nfirst_byte = 2.0\nidle = 2.0\nprogress = 3.0\n"
_OPTIONS = ("event_limit=1", "answer_limit=2", "request_limit=8")
FAULTS = transport.FAULTS | answers.FAULTS
ALL = (*DOORS, *FAULTS)
CUT_CALLS = {fault for fault in ALL if "mid-call" in fault or fault == "call-cut-then-done"}


@dataclass(frozen=True)
class Cell:
    fault: str
    protocol: Protocol
    stream: bool
    client: str = PLAIN

    @property
    def column(self) -> str:
        return f"{self.protocol} {'stream' if self.stream else 'whole'}"

    def __str__(self) -> str:
        return f"{self.fault}, {self.column}, {self.client}"


@dataclass(frozen=True)
class Seen:
    cell: Cell
    got: str
    wrong: bool
    seconds: float
    good_afterwards: bool


@dataclass
class House:
    port: int
    pid: int
    log: Path
    rows: list[tuple[str, list[Seen], float]] = field(default_factory=list)
    """A fault, what was seen of it, and the proxy's peak memory meanwhile, in MB."""

    async def run(self, name: str, cells: Iterable[Cell]) -> None:
        """Asks all at once, some at a time, and keeps a row of the table."""
        self._forget_peak()
        some = asyncio.Semaphore(AT_ONCE)

        async def one(cell: Cell) -> Seen:
            async with some:
                return await self._ask(cell)

        seen = await asyncio.gather(*map(one, cells))
        self.rows.append((name, seen, self._peak()))

    async def _ask(self, cell: Cell) -> Seen:
        began = time.monotonic()
        told, wrong = await self._what_came(cell)
        seconds = time.monotonic() - began
        afterwards, _ = await self._what_came(Cell(GOOD, cell.protocol, cell.stream))
        return Seen(cell, told, wrong, seconds, afterwards == judge.GOOD)

    async def _what_came(self, cell: Cell) -> tuple[str, bool]:
        door = cell.fault if cell.fault in DOORS else _PATIENT if cell.fault == GOOD else GOOD
        model = f"{door}-{cell.protocol}:{cell.fault}"
        try:
            async with asyncio.timeout(PATIENCE):
                answers = await ask(self.port, cell.client, model, stream=cell.stream)
        except TimeoutError:
            return "HANGS", True
        if answers is None:
            return "left", False
        try:
            told = [judge.got(one, stream=cell.stream, relay=cell.protocol == "responses") for one in answers]
            if cell.fault in CUT_CALLS and any(judge.released_call(one, stream=cell.stream) for one in answers):
                raise judge.Wrong("half a call is released")
        except (judge.Wrong, ValueError, KeyError, TypeError) as error:
            return f"WRONG: {error}", True
        return " + ".join(sorted(set(told))), False

    def complaints(self) -> list[str]:
        all_seen = [seen for _, row, _ in self.rows for seen in row]
        said = [f"{seen.cell}: {seen.got}" for seen in all_seen if seen.wrong]
        said += [f"{seen.cell}: no good answer afterwards" for seen in all_seen if not seen.good_afterwards]
        said += [f"{name}: {peak:.0f} MB" for name, _, peak in self.rows if peak > MOST_MEMORY]
        crashes = re.findall(
            r"^.*(?:Traceback|has crashed|Unhandled|never retrieved).*$",
            self.log.read_text(errors="replace"),
            re.MULTILINE,
        )
        return said + [f"the log: {line}" for line in crashes[:5]]

    def table(self) -> str:
        """A row for each fault: what a plain client got, what the others, the longest cell, memory, and the next answer."""
        columns = list(dict.fromkeys(seen.cell.column for _, row, _ in self.rows for seen in row))
        titles = ["fault", *columns, "other clients", "seconds", "peak MB", "good afterwards"]
        rows = [titles, ["---"] * len(titles), *(self._row(name, columns, row, peak) for name, row, peak in self.rows)]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)

    def _row(self, name: str, columns: list[str], row: list[Seen], peak: float) -> list[str]:
        plain = {seen.cell.column: seen.got for seen in row if seen.cell.client == PLAIN}
        others = Counter(seen.got for seen in row if seen.cell.client != PLAIN)
        good = sum(seen.good_afterwards for seen in row)
        return [
            name,
            *(plain.get(column, "-")[:60] for column in columns),
            ", ".join(f"{count} {got[:60]}" for got, count in others.most_common()),
            f"{max(seen.seconds for seen in row):.1f}",
            f"{peak:.0f}",
            f"{good} of {len(row)}",
        ]

    def _forget_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _peak(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


_PATIENT = "patient"
"""The door of good answers: a busy machine is no fault."""


def routes(doors: dict[str, int]) -> str:
    """A provider for each protocol behind each door; the door stands in the model's name."""
    doors = doors | {_PATIENT: doors[GOOD]}
    tables = []
    for door, protocol in itertools.product(doors, PROTOCOLS):
        tables.append(
            f'[[routes]]\nmodels = ["{door}-{protocol}:*"]\nproviders = ["{door}-{protocol}"]\n\n'
            f'[providers.{door}-{protocol}]\nprotocol = "{protocol}"\nauth = "none"\n'
            f'base_url = "http://127.0.0.1:{doors[door]}/v1"\n{"" if door == _PATIENT else _SHORT}'
        )
    return "\n".join(tables)


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    """A mitmdump as the README starts it, but for short limits."""
    transport.bomb()  # it takes its time
    async with upstream.running(FAULTS) as provider:
        file = folder / "routes.toml"
        file.write_text(routes(provider.doors))
        options = [part for option in (f"routes={file}", *_OPTIONS) for part in ("--set", option)]
        mode = ("--mode", "reverse:http://127.0.0.1:9", "--set", "flow_detail=0")
        running = proxy.mitmdump(proxy.ROUTE, folder, *mode, *options)
        started = await asyncio.to_thread(running.__enter__)
        try:
            yield House(started.port, started.pid, started.log)
            os.kill(started.pid, 0)  # it is still there
        finally:
            await asyncio.to_thread(running.__exit__, None, None, None)


def everything(protocol: Protocol) -> Iterator[tuple[str, list[Cell]]]:
    """Each fault with each client, streamed and whole."""
    for fault in ALL:
        yield fault, [Cell(fault, protocol, stream, client) for stream in (True, False) for client in CLIENTS]


def something() -> Iterator[Cell]:
    """Each fault twice: for a plain client and for one that is not, with protocols, modes and clients in turn."""
    ways = [(protocol, stream) for protocol in PROTOCOLS for stream in (True, False)]
    clients = itertools.cycle(client for client in CLIENTS if client != PLAIN)
    for number, fault in enumerate(ALL):
        yield Cell(fault, *ways[number % 6])
        yield Cell(fault, *ways[(number + number // 6 + 1) % 6], next(clients))
