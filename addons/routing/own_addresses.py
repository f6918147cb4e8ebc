"""Addresses on this machine: which are loopback, and which are the proxy's own."""

import ipaddress
import socket
from collections.abc import Iterable

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parsed(host: str) -> Address | None:
    """The address that a host is, in any form that the system takes (`127.1`, `::ffff:127.0.0.1`); None for a name."""
    try:
        address = ipaddress.ip_address(bare(host))
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(bare(host)))
        except (OSError, ValueError):
            return None
    return getattr(address, "ipv4_mapped", None) or address


def bare(host: str) -> str:
    """A host's name without what leaves it the same: case, brackets, the dot at its end."""
    return host.lower().removesuffix(".").removeprefix("[").removesuffix("]")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it. Of names, only the one that the standards keep for that counts."""
    if (address := parsed(host)) is not None:
        return address.is_loopback
    return bare(host) == "localhost" or bare(host).endswith(".localhost")


def is_any(host: str) -> bool:
    """Whether it stands for all addresses of this machine, as in `0.0.0.0`; so does "", where one listens."""
    address = parsed(host)
    return not host or (address is not None and address.is_unspecified)


def is_same(one: str, other: str) -> bool:
    address = parsed(one)
    return bare(one) == bare(other) or (address is not None and address == parsed(other))


def is_own(host: str, port: int, listening: Iterable[tuple[str, int]]) -> bool:
    """Whether a connection to there would come back to one of the sockets that we listen on."""
    is_near = is_loopback(host) or is_any(host)
    return any(
        port == own_port and (is_same(host, own) or (is_near and (is_loopback(own) or is_any(own))))
        for own, own_port in listening
    )
