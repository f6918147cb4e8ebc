"""Several mitmdump with addons/route.py behind haproxy; started by scripts/fleet, which says how.

Whatever of it ends is started again. At SIGTERM or Ctrl-C no new request is taken and running streams may end, for a
while; at a second one all ends at once.
"""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import fleet_haproxy
import fleet_options
import fleet_redis
import server_programs
import startup_message
from fleet_options import FleetOptions
from fleet_processes import NotStarted, Program, say
from proxy import ROUTE, free_port

STATE_VARIABLE = "TRANSCODEX_STATE_URL"
"""Under it workers read Redis' address: it may hold a password, and others can read a command line."""

_PATIENCE = 10.0  # seconds for a worker to end by itself


@dataclass
class Fleet:
    options: FleetOptions
    folder: Path
    """Private; the programs' configurations and the socket of Redis are in it."""

    state_folder: Path | None
    programs: list[Program] = field(default_factory=list)
    """In the order in which they were started."""

    async def run(self) -> None:
        """Until a signal stops it.

        Raises:
            NotStarted: a program did not start.
        """
        stops: asyncio.Queue[None] = asyncio.Queue()
        for which in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(which, stops.put_nowait, None)
        try:
            starting = asyncio.create_task(self._start())
            stopping = asyncio.create_task(stops.get())
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await stopping
                await self._drain(stops)
            else:
                starting.cancel()
        finally:
            await self._end()

    async def _start(self) -> None:
        if self.state_folder:
            await self._start_redis(self.state_folder)
        ports = [free_port() for _ in range(self.options.workers)]
        await asyncio.gather(*(self._start_worker(number, port) for number, port in enumerate(ports, 1)))
        await self._start_haproxy(ports)
        say(f"{len(ports)} workers serve http://{_address(self.options)}")

    async def _start_redis(self, state_folder: Path) -> None:
        config = self._write("redis.conf", fleet_redis.config(self._socket, state_folder))
        program = self._program("redis", [str(server_programs.path("redis")), str(config)])
        await program.start(partial(fleet_redis.is_ready, self._socket))
        say(f"redis listens on a socket of the fleet's own, process {program.pid}")

    async def _start_worker(self, number: int, port: int) -> None:
        options = [option.replace(fleet_options.PLACEHOLDER, str(number)) for option in self.options.worker]
        command = [str(Path(sys.executable).with_name("mitmdump")), "-s", str(ROUTE), *options]
        environment = {}
        if self.options.has_redis:
            environment[STATE_VARIABLE] = self.options.redis or f"unix://{self._socket}"
            command += ["--set", f"state_url_env={STATE_VARIABLE}"]
        program = self._program(
            f"worker {number}", [*command, "--listen-host", "127.0.0.1", "--listen-port", str(port)], environment
        )
        await program.start(partial(_is_healthy, port, self.options.token))
        say(f"worker {number} listens on 127.0.0.1:{port}, process {program.pid}")

    async def _start_haproxy(self, ports: list[int]) -> None:
        text = fleet_haproxy.config(
            _address(self.options), ports, drain=self.options.drain, has_token=bool(self.options.token)
        )
        command = [str(server_programs.path("haproxy")), "-db", "-f", str(self._write("haproxy.cfg", text))]
        program = self._program("haproxy", command, fleet_haproxy.environment(self.options.token))
        host = "127.0.0.1" if self.options.host in ("0.0.0.0", "*") else self.options.host
        await program.start(partial(_is_open, host, self.options.port))
        say(f"haproxy listens on {_address(self.options)}, process {program.pid}")

    async def _drain(self, stops: asyncio.Queue[None]) -> None:
        """haproxy ends when its last stream has, or when their time is over."""
        say(f"no new requests; streams may end within {self.options.drain:g} seconds")
        haproxy = self.programs.pop()
        ending = asyncio.create_task(haproxy.stop(signal.SIGUSR1, self.options.drain + 2))
        again = asyncio.create_task(stops.get())
        await asyncio.wait({ending, again}, return_when=asyncio.FIRST_COMPLETED)
        haproxy.signal(signal.SIGKILL)
        await ending

    async def _end(self) -> None:
        """Whoever uses another ends before it."""
        workers = [program for program in self.programs if program.name != "redis"]
        await asyncio.gather(*(program.stop(signal.SIGTERM, _PATIENCE) for program in workers))
        await asyncio.gather(*(program.stop(signal.SIGTERM, _PATIENCE) for program in self.programs))

    def _program(self, name: str, command: list[str], environment: dict[str, str] | None = None) -> Program:
        program = Program(name, command, environment)
        self.programs.append(program)
        return program

    @property
    def _socket(self) -> Path:
        return self.folder / "redis.sock"

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path


def _address(options: FleetOptions) -> str:
    return f"{fleet_options.bracketed(options.host)}:{options.port}"


async def _is_open(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


async def _is_healthy(port: int, token: str) -> bool:
    """Raises NotStarted: it wants a token that the fleet does not know."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        sent = f"x-transcodex-token: {token}\r\n" if token else ""
        writer.write(f"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{sent}\r\n".encode())
        status = (await asyncio.wait_for(reader.readline(), 5)).split(b" ")
        writer.close()
    except (OSError, TimeoutError):
        return False
    if status[1:2] == [b"401"]:
        raise NotStarted("the workers want a token: name its variable with --set client_token_env=NAME")
    return status[1:2] == [b"200"]


@contextmanager
def _prepared(options: FleetOptions) -> Iterator[Fleet]:
    """Raises OSError: the address is taken, or a folder cannot be made."""
    with ExitStack() as stack:
        family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        socket.create_server((options.host.replace("*", ""), options.port), family=family).close()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="transcodex-fleet-")))
        state_folder = None
        if options.has_redis and not options.redis:
            state_folder = stack.enter_context(fleet_redis.state_folder(options.state_dir, options.port))
        yield Fleet(options, folder, state_folder)


def main() -> None:
    try:
        options = fleet_options.parse(sys.argv[1:], os.environ)
        startup_message.show(startup_message.options(["mitmdump", *options.worker, "-p", str(options.port)]))
        with _prepared(options) as fleet:
            asyncio.run(fleet.run())
    except fleet_options.Usage as problem:
        sys.exit(f"scripts/fleet N: {problem}")
    except (NotStarted, fleet_redis.InUse, OSError) as problem:
        sys.exit(f"the fleet could not start: {problem}")


if __name__ == "__main__":
    main()
