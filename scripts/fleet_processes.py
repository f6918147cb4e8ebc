"""A program of the fleet that is started again whenever it ends, until it is stopped."""

import asyncio
import ctypes
import os
import re
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 30.0  # seconds before it is started again
_STEADY = 60.0
"""Seconds: what has run that long is started again at once, as if it had never failed."""

_PATIENCE = 60.0  # seconds until a program must be ready
_POLL = 0.2
_LONGEST_LINE = 1 << 16
_NOISE = re.compile(r"\[127\.0\.0\.1:\d+\] client (dis)?connect\.?\Z")
"""What mitmdump prints of each connection: here they all are haproxy's, for health checks above all."""

_PR_SET_PDEATHSIG = 1


class NotStarted(Exception):
    """It ended, or was not ready in time; what it printed says why."""


class Program:
    """`command` and what it prints, with its name before each line."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str] | None = None) -> None:
        self.name = name
        self._command = command
        self._environment = os.environ | {"PYTHONUNBUFFERED": "1"} | (environment or {})
        self._process: asyncio.subprocess.Process | None = None
        self._output: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    async def start(self, is_ready: Callable[[], Awaitable[bool]]) -> None:
        """Raises NotStarted."""
        process = await self._spawn()
        self._keeper = asyncio.create_task(self._keep(process))
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if process.returncode is not None:
                await self._printed()
                raise NotStarted(f"{self.name} has ended ({_ending(process.returncode)})")
            if await is_ready():
                return
            await asyncio.sleep(_POLL)
        raise NotStarted(f"{self.name} is not ready after {_PATIENCE:.0f} seconds")

    async def stop(self, how: signal.Signals, patience: float) -> None:
        """Ends it for good; after `patience` seconds without mercy."""
        if self._keeper:
            self._keeper.cancel()
        if self._process is None:
            return
        self.signal(how)
        try:
            await asyncio.wait_for(self._process.wait(), patience)
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await self._process.wait()
        await self._printed()

    def signal(self, which: signal.Signals) -> None:
        if self._process and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(which)

    async def _keep(self, process: asyncio.subprocess.Process) -> None:
        pause = _FIRST_PAUSE
        while True:
            started = time.monotonic()
            ending = _ending(await process.wait())
            pause = _FIRST_PAUSE if time.monotonic() - started > _STEADY else pause
            say(f"{self.name} has ended ({ending}) and is started again in {pause:g} seconds")
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)
            process = await self._spawn()

    async def _spawn(self) -> asyncio.subprocess.Process:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,  # Ctrl-C is for the fleet, which lets streams end
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )
        self._output = asyncio.create_task(self._print(self._process))
        return self._process

    async def _print(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout
        rest = b""
        while data := await process.stdout.read(_LONGEST_LINE):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._say(line)
            rest = rest[-_LONGEST_LINE:]
        if rest:
            self._say(rest)

    def _say(self, line: bytes) -> None:
        text = line.decode(errors="replace")
        if not _NOISE.search(text):
            say(text, self.name)

    async def _printed(self) -> None:
        """Until what it said last is shown; a child of its own may hold its output open for longer."""
        if self._output:
            await asyncio.wait({self._output}, timeout=1)


def say(text: str, name: str = "fleet") -> None:
    print(f"[{name}] {text}", flush=True)


def _ending(returncode: int) -> str:
    return signal.Signals(-returncode).name if returncode < 0 else f"status {returncode}"


def _end_with_parent() -> None:
    """A fleet that was killed leaves nobody behind who listens on its port."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
