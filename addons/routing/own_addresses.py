"""Tells loopback addresses, and the addresses on which the proxy itself listens."""

import ipaddress
import socket
from collections.abc import Iterable

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parsed(host: str) -> Address | None:
    """A host's IP address, in any notation that the system accepts (`127.1`, `::ffff:127.0.0.1`); None for a name."""
    try:
        address = ipaddress.ip_address(bare(host))
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(bare(host)))
        except (OSError, ValueError):
            return None
    return getattr(address, "ipv4_mapped", None) or address


def bare(host: str) -> str:
    """A host in lower case, without brackets and the dot at its end."""
    return host.lower().removesuffix(".").removeprefix("[").removesuffix("]")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it. Of names, only `localhost` and those below it count (RFC 6761)."""
    if (address := parsed(host)) is not None:
        return address.is_loopback
    return bare(host) == "localhost" or bare(host).endswith(".localhost")


def is_any(host: str) -> bool:
    """Whether it stands for all addresses of this machine: `0.0.0.0`, `::`, or "" as a listen address."""
    address = parsed(host)
    return not host or (address is not None and address.is_unspecified)


def is_same(host: str, other: str) -> bool:
    address = parsed(host)
    return bare(host) == bare(other) or (address is not None and address == parsed(other))


def is_own(host: str, port: int, listening: Iterable[tuple[str, int]]) -> bool:
    """Whether a connection to this host and port would reach one of our listening sockets."""
    is_local = is_loopback(host) or is_any(host)
    return any(
        port == own_port and (is_same(host, own) or (is_local and (is_loopback(own) or is_any(own))))
        for own, own_port in listening
    )
