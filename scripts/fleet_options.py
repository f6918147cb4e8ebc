"""What a user tells scripts/fleet: some of it is the fleet's, the rest is every worker's."""

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import urlsplit

from addons.routing import own_addresses

PLACEHOLDER = "{worker}"
_MOST_WORKERS = 64
_SCHEMES = ("redis", "rediss", "unix")
_OF_ONE = re.compile(r"-w|--save-stream-file|save_stream_file|capture_all")
"""Options that name a file or folder in which only one worker can write."""

_HOST = re.compile(r"[\w.:%-]+|\*", re.ASCII)


class Usage(Exception):
    """The command line cannot be followed; the text says why."""


@dataclass(frozen=True)
class FleetOptions:
    """`redis`: its address, None for one of the fleet's own; `token`: what clients must send, "" for nothing."""

    workers: int
    host: str
    port: int
    drain: float
    has_redis: bool
    redis: str | None
    token: str
    state_dir: str
    worker: tuple[str, ...]
    """Each worker's options, but for its address."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Usage(message)


def parse(arguments: list[str], environment: Mapping[str, str]) -> FleetOptions:
    """Raises Usage."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("workers", type=int)
    parser.add_argument("--redis")
    parser.add_argument("--no-redis", action="store_true")
    parser.add_argument("--drain", type=float, default=60.0)
    parser.add_argument("--listen-host")
    parser.add_argument("--listen-port", "-p")
    parser.add_argument("--mode", "-m", action="append", default=[])
    parser.add_argument("--set", dest="settings", action="append", default=[])
    known, rest = parser.parse_known_args(arguments)
    settings = dict(setting.partition("=")[::2] for setting in known.settings)
    _check(known, [*rest, *known.settings])
    host = _host(known.listen_host or settings.get("listen_host") or "127.0.0.1")
    token = _token(host, settings.get("client_token_env", ""), environment)
    kept = [setting for setting in known.settings if not setting.startswith(("listen_host=", "listen_port="))]
    if not own_addresses.is_loopback(host) and not own_addresses.is_any(host):
        kept.append(f"allowed_hosts={bracketed(host)}")  # the workers do not listen there themselves
    if "flow_detail" not in settings:
        kept.append("flow_detail=0")
    modes = known.mode or ["reverse:https://api.openai.com"]
    return FleetOptions(
        workers=known.workers,
        host=host,
        port=_port(known.listen_port or settings.get("listen_port") or "8390"),
        drain=known.drain,
        has_redis=not known.no_redis,
        redis=_redis_address(known.redis, environment),
        token=token,
        state_dir=settings.get("state_dir", ""),
        worker=tuple(
            [part for mode in modes for part in ("--mode", mode)]
            + [part for setting in kept for part in ("--set", setting)]
            + rest
        ),
    )


def bracketed(host: str) -> str:
    """As it stands before a port."""
    return f"[{host}]" if ":" in host else host


def _host(given: str) -> str:
    host = own_addresses.bare(given)
    if not _HOST.fullmatch(host):
        raise Usage("--listen-host: this is no address")
    return host


def _port(given: str) -> int:
    if not given.isascii() or not given.isdecimal() or not 0 < int(given[:6]) < 65536:
        raise Usage("--listen-port: 1 to 65535")
    return int(given)


def _check(known: argparse.Namespace, others: list[str]) -> None:
    if not 1 <= known.workers <= _MOST_WORKERS:
        raise Usage(f"a fleet has 1 to {_MOST_WORKERS} workers")
    if known.redis and known.no_redis:
        raise Usage("--redis and --no-redis exclude each other")
    if not 0 <= known.drain <= 86_400:
        raise Usage("--drain: 0 to 86400 seconds")
    if any("@" in mode for mode in known.mode):
        raise Usage("--mode: where the fleet listens is said by --listen-host and --listen-port")
    for number, option in enumerate(others):
        value = option.partition("=")[2] or " ".join(others[number + 1 : number + 2])
        if _OF_ONE.match(option) and PLACEHOLDER not in option + value:
            raise Usage(f"{option}: several workers cannot write to one place; put {PLACEHOLDER} into its name")


def _token(host: str, variable: str, environment: Mapping[str, str]) -> str:
    """What haproxy needs for health checks.

    The workers listen on loopback, where they would ask nobody for a token: what is demanded of `scripts/run` on
    another address is demanded here, and that they are told to ask for it.
    """
    token = environment.get(variable, "") if variable else ""
    if variable and not token:
        raise Usage(f"client_token_env: the variable {variable} is not set or empty")
    if not token and not own_addresses.is_loopback(host):
        raise Usage(
            f"listening on {host} would let anyone in the network use your API keys: --set client_token_env=NAME"
        )
    return token


def _redis_address(given: str | None, environment: Mapping[str, str]) -> str | None:
    if given is None:
        return None
    address = given if "://" in given else environment.get(given, "")
    if not address:
        raise Usage(f"--redis: the variable {given} is not set or empty")
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise Usage("--redis: this is no address; write it as in redis://host:6379/0") from error
    if parts.scheme not in _SCHEMES:
        raise Usage("--redis: this is no address; write it as in redis://host:6379/0")
    if "://" in given and (parts.password or "password=" in parts.query):
        raise Usage("--redis: others can read a command line; put the address into a variable, and name that")
    return address
