"""The fleet's own Redis: reached by a socket in the fleet's private folder, so that nobody else can; kept on disk."""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

CONFIG = """\
port 0
unixsocket {socket}
unixsocketperm 700
dir {folder}
daemonize no
databases 1
save ""
appendonly yes
appendfsync everysec
maxmemory 64mb
maxmemory-policy noeviction
timeout 0
loglevel warning
"""


class InUse(Exception):
    """Another fleet keeps its state in this folder."""


def config(socket: Path, folder: Path) -> str:
    return CONFIG.format(socket=_quoted(socket), folder=_quoted(folder))


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


@contextmanager
def state_folder(chosen: str, port: int) -> Iterator[Path]:
    """Where the state is kept between runs, for the owner only and for one fleet at a time: each port has its own.

    Raises:
        InUse: another one runs.
        OSError: it cannot be made.
    """
    parent = Path(chosen).expanduser() if chosen else platformdirs.user_state_path("transcodex", appauthor=False)
    folder = parent / f"fleet-{port}"
    folder.mkdir(0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    with os.fdopen(os.open(folder / "lock", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600), "wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(f"another fleet keeps its state in {folder}: --set state_dir=... chooses another") from None
        yield folder


async def is_ready(socket: Path) -> bool:
    """Whether it has read what it kept, and serves."""
    try:
        reader, writer = await asyncio.open_unix_connection(socket)
        writer.write(b"PING\r\n")
        answer = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
    except (OSError, TimeoutError):
        return False
    return answer.startswith(b"+PONG")
