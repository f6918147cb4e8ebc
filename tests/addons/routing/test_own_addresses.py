"""Which addresses are loopback, and which are the proxy's own."""

import pytest

from addons.routing import own_addresses

LOOPBACK = [*("localhost", "LocalHost", "localhost.", "app.localhost", "127.0.0.1", "127.0.0.1.", "127.9.9.9")]
LOOPBACK += [*("::1", "[::1]", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "127.1", "2130706433", "0x7f.1")]

OTHERS = [*("", "0.0.0.0", "0", "::", "192.168.1.5", "::2", "localhost.evil.example", "127.0.0.1.evil.example")]
OTHERS += [*("evil-localhost", "1", "999.1.1.1", "..", "localhost..", "example.org")]


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_is_recognized_in_every_notation(host: str) -> None:
    assert own_addresses.is_loopback(host)


@pytest.mark.parametrize("host", OTHERS)
def test_other_hosts_are_not_loopback(host: str) -> None:
    assert not own_addresses.is_loopback(host)


@pytest.mark.parametrize(("host", "is_any"), [("", True), ("0.0.0.0", True), ("0", True), ("::", True), ("::1", False)])
def test_the_wildcard_address_has_several_notations(host: str, is_any: bool) -> None:
    assert own_addresses.is_any(host) == is_any


@pytest.mark.parametrize("host", [*LOOPBACK, "0.0.0.0", "::", ""])
@pytest.mark.parametrize("own", ["127.0.0.1", "::1", "0.0.0.0", ""])
def test_our_port_on_this_machine_is_our_own_by_every_name(host: str, own: str) -> None:
    assert own_addresses.is_own(host, 8080, [(own, 8080)])
    assert not own_addresses.is_own(host, 8081, [(own, 8080)])


def test_a_network_address_is_our_own_if_we_listen_there() -> None:
    assert own_addresses.is_own("192.168.1.5", 8080, [("127.0.0.1", 9), ("192.168.1.5", 8080)])
    assert not own_addresses.is_own("192.168.1.6", 8080, [("192.168.1.5", 8080)])
    assert not own_addresses.is_own("127.0.0.1", 8080, [("192.168.1.5", 8080)]), "another server's"
    assert not own_addresses.is_own("127.0.0.1", 8080, [])
