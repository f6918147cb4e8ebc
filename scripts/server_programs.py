"""Finds haproxy, or a Redis server, for scripts/fleet, or gets it. Started by `scripts/setup haproxy` and `... redis`.

The first that starts is taken: one that is named, one that is installed, one out of the system's packages, which are
unpacked and not installed: that needs no root, and starts no service. From then on .cache/NAME/program leads there.
"""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import wrapper_script

ROOT = Path(__file__).resolve().parents[1]
_PLACES = (os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/opt/homebrew/bin", "/usr/local/bin")
"""Servers stand where only root's PATH leads to."""
_PATIENCE = 600  # seconds for a download


@dataclass(frozen=True)
class Server:
    """A program by the names that it has, the package that holds it, and the variable that may name it."""

    names: tuple[str, ...]
    package: str
    variable: str
    version_option: str


SERVERS = {
    "haproxy": Server(("haproxy",), "haproxy", "HAPROXY_BIN", "-v"),
    "redis": Server(("redis-server", "valkey-server"), "redis-server", "REDIS_BIN", "--version"),
}


class NotHere(Exception):
    """There is none, and none could be got; the text says why."""


def path(name: str) -> Path:
    """Where the program is, once scripts/setup was called for it."""
    return Path(os.environ.get(SERVERS[name].variable) or _cache(name) / "program")


def _cache(name: str) -> Path:
    return ROOT / ".cache" / name


def _installed(server: Server) -> Path | None:
    found = (shutil.which(name, path=os.pathsep.join(_PLACES)) for name in server.names)
    return next((Path(place) for place in found if place and _starts(Path(place), server)), None)


def _starts(program: Path, server: Server) -> bool:
    try:
        done = subprocess.run([program, server.version_option], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _unpacked(name: str, server: Server) -> Path:
    """The package's, with the libraries that this machine lacks."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise NotHere("apt-get, which could get it, is not here")
    print(f"Getting {name} (once): apt-get's {server.package}, unpacked under .cache/{name} ...", flush=True)
    folder = _cache(name)
    root = folder / "root"
    with (folder / "setup.log").open("wb") as log:
        for package in _downloaded(folder, server.package, log):
            _run(["dpkg-deb", "-x", str(package), str(root)], log)
    shutil.rmtree(folder / "apt")
    libraries = ":".join(sorted({str(library.parent) for library in root.rglob("*.so*")}))
    for program in (root / "usr" / place / alias for place in ("bin", "sbin") for alias in server.names):
        if program.exists():
            return wrapper_script.write(folder / "unpacked", program, LD_LIBRARY_PATH=libraries)
    raise NotHere(f"the package {server.package} has no {' or '.join(server.names)}")


def _downloaded(folder: Path, package: str, log: BinaryIO) -> Iterable[Path]:
    """With lists of packages of its own: the system's may be old, or only root may renew them."""
    shutil.rmtree(folder / "apt", ignore_errors=True)
    for part in ("lists/partial", "cache/archives/partial"):
        (folder / "apt" / part).mkdir(parents=True)
    private = {"State::Lists": "lists", "Cache": "cache"}
    own = [part for name, place in private.items() for part in ("-o", f"Dir::{name}={folder / 'apt' / place}")]
    apt = ["apt-get", "-qq", *own, "-o", "Debug::NoLocking=1"]
    if os.geteuid() == 0:
        apt += ["-o", "APT::Sandbox::User=root"]  # the one that it would become cannot read this folder
    _run([*apt, "update"], log)
    _run([*apt, "-y", "--no-install-recommends", "--download-only", "install", package], log)
    return sorted((folder / "apt" / "cache" / "archives").glob("*.deb"))


def _run(command: list[str], log: BinaryIO) -> None:
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=_PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise NotHere(f"{command[0]} failed, {log.name} says why") from error


def get(name: str) -> None:
    """Makes `path(name)` lead to a program that starts.

    Raises:
        NotHere: there is none for this machine.
    """
    server = SERVERS[name]
    if _starts(path(name), server):
        return
    if os.environ.get(server.variable):
        raise NotHere(f"{path(name)}, which {server.variable} names, does not start")
    _cache(name).mkdir(parents=True, exist_ok=True)
    program = _installed(server) or _unpacked(name, server)
    if not _starts(program, server):
        raise NotHere(f"{program} does not start on this machine ({platform.machine()})")
    wrapper_script.write(path(name), program)


def main() -> int:
    name = sys.argv[1]
    server = SERVERS[name]
    try:
        get(name)
    except NotHere as reason:
        print(f"There is no {name}: {reason}.", file=sys.stderr)
        print(
            f"Install one (apt install {server.package}, brew install {name}), or name it in {server.variable}.",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
