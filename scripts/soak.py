"""Many paced streams at once for minutes: each has one end, nothing leaks, and a kill costs what is in flight alone.

Needs Linux: memory and descriptors are read from /proc.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

from scripts import proxy, soak_checks, soak_load, soak_routes
from scripts.soak_checks import Kill
from scripts.soak_load import Client, Shares
from scripts.soak_proxy import Life, state_rows
from scripts.soak_upstream import TAG, Exchange, Upstreams

_DELTAS_A_SECOND = 5.0
_ARRIVAL = 2.0  # seconds over which the clients come
_PAUSE_AFTER_REFUSAL = 0.5
_AT_REST_SECONDS = 30.0
_PROBE = Path(__file__).with_name("soak_probe.py")
_REQUEST = Path(__file__).with_name("codex_request.json")

_WEB = ["--set", "web_open_browser=false", "--set", "web_password=soak", "--set", "keep_exchanges=300"]
"""Fewer exchanges are kept in the list than there will be, so that those kept do not look like a leak."""


class Soak:
    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        self._arguments, self._folder = arguments, folder
        self.upstreams = Upstreams(_DELTAS_A_SECOND)
        self.kill: Kill | None = None
        self.problems: list[str] = []
        self.clients: list[Client] = []
        self._template = soak_load.template(json.loads(_REQUEST.read_text()), TAG)
        self._stack = ExitStack()

    @property
    def exchanges(self) -> list[Exchange]:
        return list(self.upstreams.exchanges.values())

    @property
    def lost(self) -> list[Exchange]:
        """What the kill has cost."""
        kill = self.kill
        return [each for each in self.exchanges if each.problem and kill and kill.explains(each)]

    async def run(self) -> None:
        with self._stack:
            listening = self._stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1000))
            address = f"http://127.0.0.1:{listening.getsockname()[1]}"
            routes = soak_routes.routes_file(address, self._arguments.streams)
            (self._folder / "routes.toml").write_text(routes)
            async with await asyncio.start_server(self.upstreams.serve, sock=listening, limit=1 << 22):
                self.life = await self._start(_lasting_port())
                await self.life.sample()
                self.idle_tasks = self.life.tasks[0]
                async with self._sampled():
                    await self._load(time.monotonic() + self._arguments.seconds)
                await self._check_at_rest()

    # --- the proxy ---

    async def _start(self, port: int) -> Life:
        options = ["--mode", "reverse:http://127.0.0.1:9", "--set", f"routes={self._folder / 'routes.toml'}"]
        options += ["-s", str(_PROBE)]
        if self._arguments.program == "mitmweb":
            options += [*_WEB, "--set", f"web_port={proxy.free_port()}"]
        program, environment = self._arguments.program, soak_routes.environment()
        starting = proxy.mitmdump(
            proxy.ROUTE, self._folder, *options, program=program, port=port, environment=environment
        )
        return Life(await asyncio.to_thread(self._stack.enter_context, starting))

    async def _kill(self) -> None:
        """And starts it again, at the same port and with the same state."""
        cooling, log = (await self.life.health())["cooling"], self.life.log()
        self.kill = kill = Kill(time.monotonic(), log, cooling)
        os.kill(self.life.running.pid, signal.SIGKILL)
        await asyncio.to_thread(os.waitid, os.P_PID, self.life.running.pid, os.WEXITED | os.WNOWAIT)
        kill.rows = self._kept()
        life = await self._start(self.life.running.port)
        kill.cooling_then = (await life.health())["cooling"]
        self.life, kill.back = life, time.monotonic()

    @asynccontextmanager
    async def _sampled(self) -> AsyncIterator[None]:
        async def sample() -> None:
            while True:
                await asyncio.sleep(1)
                with suppress(OSError, ValueError, LookupError):  # while it is down
                    await self.life.sample()
                slots = soak_routes.slots(self._arguments.streams)
                for provider in soak_routes.providers(soak_load.LIMITED):
                    if (count := self.upstreams.open_at(provider, older_than=1.0)) > slots:
                        self.problems.append(f"{count} attempts at once at {provider}, which allows {slots}")

        sampling = asyncio.create_task(sample())
        yield
        sampling.cancel()
        with suppress(asyncio.CancelledError):
            await sampling  # which tells if it could not be done

    # --- the load ---

    async def _load(self, until: float) -> None:
        killing = asyncio.create_task(self._kill_in_the_middle()) if self._arguments.kill else None
        await asyncio.gather(*(self._client(number, until) for number in range(self._arguments.streams)))
        if killing:
            await killing

    async def _kill_in_the_middle(self) -> None:
        """As soon as there is something to remember."""
        await asyncio.sleep(self._arguments.seconds / 2)
        deadline = time.monotonic() + self._arguments.seconds / 4
        while not await self._has_learned() and time.monotonic() < deadline:
            await asyncio.sleep(1)
        await self._kill()

    async def _has_learned(self) -> bool:
        reasons = {row["reason"] for row in (await self.life.health())["cooling"]}
        return {"auth", "quota"} <= reasons and "lessons" in {table for table, _ in self._kept()}

    async def _client(self, number: int, until: float) -> None:
        """One stream after the other, as one Codex would request them."""
        chance = random.Random(f"{self._arguments.seed}-{number}")
        client = Client(self.life.running.port, self._template, chance)
        self.clients.append(client)
        await asyncio.sleep(chance.random() * _ARRIVAL)
        shares = Shares(self._arguments.faults, self._arguments.leaving)
        while time.monotonic() < until:
            await self._exchange(client, client.drawn(len(self.upstreams.exchanges), shares))

    async def _exchange(self, client: Client, exchange: Exchange) -> None:
        self.upstreams.exchanges[exchange.number] = exchange
        await client.run(exchange, exchange.deltas / _DELTAS_A_SECOND * 3 + 90)
        if exchange.problem == "ConnectionRefusedError":
            await asyncio.sleep(_PAUSE_AFTER_REFUSAL)

    # --- when all is over ---

    async def _check_at_rest(self) -> None:
        deadline = time.monotonic() + _AT_REST_SECONDS
        while (await self.life.metrics())["transcodex_exchanges_in_flight"] and time.monotonic() < deadline:
            await asyncio.sleep(0.5)
        await asyncio.sleep(3)  # for the last connections to be closed
        metrics, health, alive = await self.life.metrics(), await self.life.health(), await self.life.alive("?collect")
        await self.life.sample()
        self.problems += soak_checks.resources(self.life, self.idle_tasks, alive)
        self.problems += [f"still open at {seen.provider}" for seen in self.upstreams.open if seen.is_open]
        if metrics["transcodex_exchanges_in_flight"]:
            self.problems.append(f"{metrics['transcodex_exchanges_in_flight']:.0f} exchanges are in flight at rest")
        if self.kill is None:
            self.problems += soak_checks.counts(metrics, health, self.exchanges, self.upstreams.requests)
        await self._check_all_slots_are_free()
        self.problems += soak_checks.log(self.life.log())
        self._kept()

    def _kept(self) -> list[tuple[str, str]]:
        try:
            return state_rows(self._folder)
        except sqlite3.Error as error:
            self.problems.append(f"the state file is not whole: {error}")
            return []

    async def _check_all_slots_are_free(self) -> None:
        """As many exchanges as the limits allow must run side by side."""
        await self.life.alive("?reset")
        slots = soak_routes.slots(self._arguments.streams)
        client = Client(self.life.running.port, self._template, random.Random(0))
        numbers = range(len(self.exchanges), len(self.exchanges) + 2 * slots)
        last = [Exchange(number, soak_load.LIMITED, deltas=20) for number in numbers]
        running = [asyncio.create_task(self._exchange(client, exchange)) for exchange in last]
        await asyncio.sleep(3)
        for provider in soak_routes.providers(soak_load.LIMITED):
            if (count := self.upstreams.open_at(provider)) != slots:
                self.problems.append(f"{provider} has {slots} slots, of which {count} could be used at last")
        await asyncio.gather(*running)


def _lasting_port() -> int:
    """A free one that no system gives to a client: while nobody listens at such a port, who connects from it to it has
    itself on the line."""
    for port in random.sample(range(20_000, 32_000), 100):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise SystemExit("no port is free")


def problems(soak: Soak) -> list[str]:
    """What went wrong, in words; none if all is well."""
    lost = set(soak.lost)
    found = list(soak_checks.exchanges([exchange for exchange in soak.exchanges if exchange not in lost]))
    found += [f"{count} x {problem}" for problem, count in soak.upstreams.problems.items()]
    found += [f"{count} x {problem}" for problem, count in Counter(soak.problems).items()]
    found += soak_checks.after_kill(soak.kill, soak.upstreams) if soak.kill else []
    return found


def report(soak: Soak) -> str:
    ends = Counter((exchange.kind, _depth(exchange), exchange.outcome) for exchange in soak.exchanges)
    lines = ["| exchange | attempts that fail so | end | times |", "| --- | --- | --- | ---: |"]
    lines += [f"| {kind} | {depth} | {end} | {count:,} |" for (kind, depth, end), count in sorted(ends.items())]
    life, clients, upstreams = soak.life, soak.clients, soak.upstreams
    stayed, moved = sum(client.stayed for client in clients), sum(client.moved for client in clients)
    memory, tasks = life.memory_mb, life.tasks
    attempts = Counter(len(exchange.attempts) for exchange in soak.exchanges)
    lines += [
        "",
        f"exchanges: {len(soak.exchanges):,}; by their attempts: {dict(sorted(attempts.items()))}",
        f"keys that were refused: {len(upstreams.refused_keys)}; before a lesson: {len(upstreams.refused_usage)}",
        f"turns: {stayed:,} of {stayed + moved:,} requests stayed",
        f"memory: {memory[0]:.0f} MB, then at most {max(memory):.0f}, at last {memory[-1]:.0f}",
        f"descriptors: at most {max(life.descriptors)}, when all is over {life.descriptors[-1]}",
        f"tasks: {soak.idle_tasks}, then at most {max(tasks)}, when all is over {tasks[-1]}",
    ]
    if late := sum(exchange.was_late for exchange in soak.exchanges):
        lines.append(f"this machine was too busy for its upstreams' pace: in {late} exchanges")
    if (kill := soak.kill) is not None:
        in_flight = sum(exchange.began <= kill.at <= (exchange.ended or kill.at) for exchange in soak.exchanges)
        lost = Counter(exchange.began <= kill.at for exchange in soak.lost)
        lines.append(f"lost by the kill: {lost[True]} of {in_flight} in flight, {lost[False]} while it was down")
    return "\n".join(lines)


def _depth(exchange: Exchange) -> str:
    return "all" if exchange.depth == soak_load.ALWAYS else str(exchange.depth or "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--faults", type=float, default=0.1, help="the share of exchanges with a fault")
    parser.add_argument("--leaving", type=float, default=0.1, help="the share of those whose client leaves")
    parser.add_argument("--kill", action="store_true", help="kill the proxy in the middle, and start it again")
    parser.add_argument("--program", choices=["mitmdump", "mitmweb"], default="mitmdump")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(arguments, Path(folder))
        asyncio.run(soak.run())
        print(report(soak))
        if found := problems(soak):
            sys.exit("\n".join(["", "Not as it should be:", *found]))
    print("\nEach exchange had its one end.")


if __name__ == "__main__":
    main()
