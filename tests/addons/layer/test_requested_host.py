"""The host names of a request as received, which mitmproxy overwrites."""

import pytest

from addons.layer import requested_host
from tests.addons.layer.test_http2 import Peer
from tests.addons.layer_harness import LayerHarness, ScriptedAddon

pytestmark = pytest.mark.usefixtures("proxy_under_test")  # for the layer

REVERSE = "reverse:http://target:80"


def names(raw: bytes, mode: str = REVERSE) -> requested_host.Names | None:
    harness = LayerHarness(ScriptedAddon(), mode=mode)
    harness.client_sends(raw)
    return requested_host.names(harness.flow("client"))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"GET / HTTP/1.1\r\nHost: Proxy.LAN:8080\r\n\r\n", ("Proxy.LAN:8080",)),
        (b"GET / HTTP/1.1\r\nhost: one\r\nHOST: other\r\n\r\n", ("one, other",)),
        (b"GET / HTTP/1.1\r\nhost: one\r\nhost: one\r\n\r\n", ("one, one",)),
        (b"GET http://whole.example/ HTTP/1.1\r\nhost: localhost\r\n\r\n", ("localhost", "whole.example")),
        (b"GET / HTTP/1.1\r\n\r\n", ()),
        (b"GET / HTTP/1.0\r\n\r\n", ()),
    ],
)
def test_names_are_kept_as_received(raw: bytes, expected: tuple[str, ...]) -> None:
    assert names(raw) == expected


@pytest.mark.parametrize("fields", [[], [("host", "whole.example:8080")]])
def test_http2_names_its_authority(fields: list[tuple[str, str]]) -> None:
    harness, client = LayerHarness(ScriptedAddon(), mode=REVERSE, alpn=b"h2"), Peer(client=True)
    head = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "whole.example:8080"), *fields]
    client.h2.send_headers(1, head, end_stream=True)
    harness.client_sends(client.send())
    assert requested_host.names(harness.flow("client")) == (*(value for _, value in fields), "whole.example:8080")


def test_the_flow_has_the_targets_name() -> None:
    harness = LayerHarness(ScriptedAddon(), mode=REVERSE)
    harness.client_sends(b"GET / HTTP/1.1\r\nhost: localhost:8080\r\n\r\n")
    assert harness.flow("client").request.host_header == "target"


@pytest.mark.parametrize("mode", ["regular", "transparent", "socks5"])
def test_a_request_to_another_host_is_not_addressed_to_us(mode: str) -> None:
    assert names(b"GET / HTTP/1.1\r\nhost: other.example\r\n\r\n", mode) is None
