"""A real proxy between faulty providers and faulty clients, and a table of the outcomes."""

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
from tests.faults import faulty_upstream, outcome, response_faults, transport_faults
from tests.faults.faulty_clients import CLIENTS, PLAIN, run_client
from tests.faults.faulty_upstream import CONNECTION_FAULTS, GOOD
from tests.faults.good_response import PROTOCOLS, Protocol

TIMEOUT = 90.0
"""Seconds after which an exchange counts as hanging; every limit of the proxy is far below."""

CONCURRENCY = 14
MEMORY_LIMIT = 300
"""MB of resident memory at the proxy's peak, with some dozens of exchanges at a time."""

_SHORT_LIMITS = "connect = 2.0\nfirst_byte = 2.0\nidle = 2.0\nprogress = 3.0\n"
_OPTIONS = ("event_limit=1", "answer_limit=2", "request_limit=8")
FAULTS = transport_faults.FAULTS | response_faults.FAULTS
ALL = (*CONNECTION_FAULTS, *FAULTS)
CUT_CALLS = {fault for fault in ALL if "mid-call" in fault or fault == "call-cut-then-done"}


@dataclass(frozen=True)
class Scenario:
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
class Observation:
    scenario: Scenario
    outcome: str
    is_failure: bool
    seconds: float
    good_afterwards: bool


@dataclass
class FaultBench:
    port: int
    pid: int
    log: Path
    rows: list[tuple[str, list[Observation], float]] = field(default_factory=list)
    """A fault, its observations, and the proxy's peak memory meanwhile, in MB."""

    async def run(self, name: str, scenarios: Iterable[Scenario]) -> None:
        """Runs all scenarios, some at a time, and adds a row to the table."""
        self._reset_peak_memory()
        semaphore = asyncio.Semaphore(CONCURRENCY)

        async def limited(scenario: Scenario) -> Observation:
            async with semaphore:
                return await self._observe(scenario)

        observations = await asyncio.gather(*map(limited, scenarios))
        self.rows.append((name, observations, self._peak_memory()))

    async def _observe(self, scenario: Scenario) -> Observation:
        began = time.monotonic()
        result, is_failure = await self._exchange(scenario)
        seconds = time.monotonic() - began
        afterwards, _ = await self._exchange(Scenario(GOOD, scenario.protocol, scenario.stream))
        return Observation(scenario, result, is_failure, seconds, afterwards == outcome.GOOD)

    async def _exchange(self, scenario: Scenario) -> tuple[str, bool]:
        port_name = (
            scenario.fault if scenario.fault in CONNECTION_FAULTS else _PATIENT if scenario.fault == GOOD else GOOD
        )
        model = f"{port_name}-{scenario.protocol}:{scenario.fault}"
        try:
            async with asyncio.timeout(TIMEOUT):
                responses = await run_client(self.port, scenario.client, model, stream=scenario.stream)
        except TimeoutError:
            return "HANGS", True
        if responses is None:
            return "left", False
        try:
            outcomes = [
                outcome.outcome_of(response, stream=scenario.stream, relay=scenario.protocol == "responses")
                for response in responses
            ]
            if scenario.fault in CUT_CALLS and any(
                outcome.released_call(response, stream=scenario.stream) for response in responses
            ):
                raise outcome.BadOutcome("half a call is released")
        except (outcome.BadOutcome, ValueError, KeyError, TypeError) as error:
            return f"WRONG: {error}", True
        return " + ".join(sorted(set(outcomes))), False

    def problems(self) -> list[str]:
        observations = [observation for _, row, _ in self.rows for observation in row]
        problems = [
            f"{observation.scenario}: {observation.outcome}" for observation in observations if observation.is_failure
        ]
        problems += [
            f"{observation.scenario}: no good response afterwards"
            for observation in observations
            if not observation.good_afterwards
        ]
        problems += [f"{name}: {peak:.0f} MB" for name, _, peak in self.rows if peak > MEMORY_LIMIT]
        crashes = re.findall(
            r"^.*(?:Traceback|has crashed|Unhandled|never retrieved).*$",
            self.log.read_text(errors="replace"),
            re.MULTILINE,
        )
        return problems + [f"the log: {line}" for line in crashes[:5]]

    def table(self) -> str:
        """A row for each fault: outcomes of plain and other clients, the longest time, memory, good responses after."""
        columns = list(dict.fromkeys(observation.scenario.column for _, row, _ in self.rows for observation in row))
        titles = ["fault", *columns, "other clients", "seconds", "peak MB", "good afterwards"]
        rows = [titles, ["---"] * len(titles), *(self._row(name, columns, row, peak) for name, row, peak in self.rows)]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)

    def _row(self, name: str, columns: list[str], row: list[Observation], peak: float) -> list[str]:
        plain = {
            observation.scenario.column: observation.outcome
            for observation in row
            if observation.scenario.client == PLAIN
        }
        others = Counter(observation.outcome for observation in row if observation.scenario.client != PLAIN)
        good = sum(observation.good_afterwards for observation in row)
        return [
            name,
            *(plain.get(column, "-")[:60] for column in columns),
            ", ".join(f"{count} {name[:60]}" for name, count in others.most_common()),
            f"{max(observation.seconds for observation in row):.1f}",
            f"{peak:.0f}",
            f"{good} of {len(row)}",
        ]

    def _reset_peak_memory(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _peak_memory(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


_PATIENT = "patient"
"""Good responses have a provider without short limits: a busy machine is no fault."""


def routes(ports: dict[str, int]) -> str:
    """A provider for each protocol and port; the model's name holds the name of the port."""
    ports = ports | {_PATIENT: ports[GOOD]}
    tables = []
    for port_name, protocol in itertools.product(ports, PROTOCOLS):
        tables.append(
            f'[[routes]]\nmodels = ["{port_name}-{protocol}:*"]\nproviders = ["{port_name}-{protocol}"]\n\n'
            f'[providers.{port_name}-{protocol}]\nprotocol = "{protocol}"\nauth = "none"\n'
            f'base_url = "http://127.0.0.1:{ports[port_name]}/v1"\n{"" if port_name == _PATIENT else _SHORT_LIMITS}'
        )
    return "\n".join(tables)


@asynccontextmanager
async def fault_bench(folder: Path) -> AsyncIterator[FaultBench]:
    """A mitmdump as the README starts it, but for short limits."""
    transport_faults.bomb()  # it takes its time
    async with faulty_upstream.running(FAULTS) as upstream:
        file = folder / "routes.toml"
        file.write_text(routes(upstream.ports))
        options = [part for option in (f"routes={file}", *_OPTIONS) for part in ("--set", option)]
        mode = ("--mode", "reverse:http://127.0.0.1:9", "--set", "flow_detail=0")
        running = proxy.mitmdump(proxy.ROUTE, folder, *mode, *options)
        started = await asyncio.to_thread(running.__enter__)
        try:
            yield FaultBench(started.port, started.pid, started.log)
            os.kill(started.pid, 0)  # it is still there
        finally:
            await asyncio.to_thread(running.__exit__, None, None, None)


def all_scenarios(protocol: Protocol) -> Iterator[tuple[str, list[Scenario]]]:
    """Each fault with each client, streamed and whole."""
    for fault in ALL:
        yield fault, [Scenario(fault, protocol, stream, client) for stream in (True, False) for client in CLIENTS]


def sampled_scenarios() -> Iterator[Scenario]:
    """Each fault twice: with a plain and with a faulty client, with protocols, modes and clients in turn."""
    ways = [(protocol, stream) for protocol in PROTOCOLS for stream in (True, False)]
    clients = itertools.cycle(client for client in CLIENTS if client != PLAIN)
    for number, fault in enumerate(ALL):
        yield Scenario(fault, *ways[number % 6])
        yield Scenario(fault, *ways[(number + number // 6 + 1) % 6], next(clients))
