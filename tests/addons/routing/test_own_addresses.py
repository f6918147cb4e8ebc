"""Which addresses are loopback, and which are the proxy's own."""

import pytest

from addons.routing import own_addresses

LOOPBACK = [*("localhost", "LocalHost", "localhost.", "app.localhost", "127.0.0.1", "127.0.0.1.", "127.9.9.9")]
LOOPBACK += [*("::1", "[::1]", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "127.1", "2130706433", "0x7f.1")]

OTHERS = [*("", "0.0.0.0", "0", "::", "192.168.1.5", "::2", "localhost.evil.example", "127.0.0.1.evil.example")]
OTHERS += [*("evil-localhost", "1", "999.1.1.1", "..", "localhost..", "example.org")]


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_is_known_in_all_its_forms(host: str) -> None:
    assert own_addresses.is_loopback(host)


@pytest.mark.parametrize("host", OTHERS)
def test_what_only_looks_like_loopback_is_not(host: str) -> None:
    assert not own_addresses.is_loopback(host)


@pytest.mark.parametrize(("host", "is_any"), [("", True), ("0.0.0.0", True), ("0", True), ("::", True), ("::1", False)])
def test_all_addresses_have_several_names(host: str, is_any: bool) -> None:
    assert own_addresses.is_any(host) == is_any


@pytest.mark.parametrize("host", [*LOOPBACK, "0.0.0.0", "::", ""])
@pytest.mark.parametrize("own", ["127.0.0.1", "::1", "0.0.0.0", ""])
def test_our_own_port_on_this_machine_is_ours_under_every_name(host: str, own: str) -> None:
    assert own_addresses.is_own(host, 8080, [(own, 8080)])
    assert not own_addresses.is_own(host, 8081, [(own, 8080)])


def test_an_address_in_the_network_is_ours_if_we_listen_there() -> None:
    assert own_addresses.is_own("192.168.1.5", 8080, [("127.0.0.1", 9), ("192.168.1.5", 8080)])
    assert not own_addresses.is_own("192.168.1.6", 8080, [("192.168.1.5", 8080)])
    assert not own_addresses.is_own("127.0.0.1", 8080, [("192.168.1.5", 8080)]), "another server's"
    assert not own_addresses.is_own("127.0.0.1", 8080, [])
