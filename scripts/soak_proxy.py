"""The proxy of a soak, seen from outside: what it takes of the machine, says of itself, and leaves in its file."""

import asyncio
import json
import re
import shutil
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts import proxy

STATE_FILE = Path("transcodex") / "state.sqlite3"
"""Below the folder of the proxy."""

_SAMPLE = re.compile(r"^(\w+)(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


@dataclass
class Life:
    """A proxy from its start to its end, sampled each second."""

    running: proxy.Proxy
    memory_mb: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    tasks: list[int] = field(default_factory=list)

    async def sample(self) -> None:
        self.memory_mb.append(resident_mb(self.running.pid))
        self.descriptors.append(descriptors(self.running.pid))
        self.tasks.append(sum((await self.alive())["tasks"].values()))

    async def alive(self, query: str = "") -> dict[str, Any]:
        """What the addon of `soak_probe.py` knows."""
        found: dict[str, Any] = json.loads(await self.get(f"/soak{query}"))
        return found

    async def health(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(await self.get("/health"))
        return found

    async def metrics(self) -> dict[str, float]:
        """Each with the sum over its labels."""
        sums: dict[str, float] = {}
        for name, value in _SAMPLE.findall((await self.get("/metrics")).decode()):
            sums[name] = sums.get(name, 0.0) + float(value)
        return sums

    async def get(self, path: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.running.port)
        writer.write(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n".encode())
        try:
            async with asyncio.timeout(30):
                return (await reader.read(-1)).partition(b"\r\n\r\n")[2]
        finally:
            writer.close()

    def log(self) -> str:
        return self.running.log.read_text(errors="replace")


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def descriptors(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def state_rows(folder: Path) -> list[tuple[str, str]]:
    """Table and key of all that the proxy has kept, read of a copy, so that the proxy finds what it has left.

    Raises:
        sqlite3.Error: the file is not whole.
    """
    copy = folder / "copy"
    copy.mkdir(exist_ok=True)
    state = folder / STATE_FILE
    for suffix in ("", "-wal"):
        (copy / f"{state.name}{suffix}").unlink(missing_ok=True)
        if (source := state.with_name(state.name + suffix)).exists():
            shutil.copy(source, copy)
    connection = sqlite3.connect(copy / state.name)
    try:
        if (verdict := connection.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(verdict)
        return list(connection.execute("SELECT name, key FROM rows"))
    finally:
        connection.close()
