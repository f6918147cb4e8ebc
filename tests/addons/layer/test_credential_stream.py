"""No flow holds a secret at any moment, and the wire misses none."""

import gzip

import pytest
from mitmproxy import http

from tests.addons.layer_harness import LayerHarness, ScriptedAddon, attempt

SECRETS = (b"Bearer sk-own", b"session=1", b"acc-7", b"id=2")
ASKED = (
    b"POST /v1/responses HTTP/1.1\r\nhost: proxy\r\nauthorization: Bearer sk-own\r\ncookie: session=1\r\n"
    b"chatgpt-account-id: acc-7\r\ncontent-length: 5\r\n\r\nhello"
)
ANSWERED = b"HTTP/1.1 200 OK\r\nset-cookie: id=2\r\ncontent-length: 2\r\n\r\nok"
TARGET = 80


class Curious(ScriptedAddon):
    """Notes the headers of each flow at each of its hooks."""

    def __init__(self, *steps: http.HTTPFlow) -> None:
        super().__init__(*steps)
        self.seen = b""

    def note(self, flow: http.HTTPFlow) -> None:
        self.seen += bytes(flow.request.headers) + (bytes(flow.response.headers) if flow.response else b"")

    requestheaders = request = responseheaders = response = error = note


def test_what_passes_through_has_its_secrets_on_the_wire_alone() -> None:
    curious = Curious()
    harness = LayerHarness(curious)
    harness.client_sends(ASKED)
    harness.upstream_sends(ANSWERED, TARGET)
    for secret in SECRETS[:3]:
        assert secret in harness.to_upstream[TARGET]
    assert SECRETS[3] in harness.to_client
    assert b"<withheld>" in curious.seen
    assert b"<withheld>" not in harness.to_upstream[TARGET] + harness.to_client
    assert not [secret for secret in SECRETS if secret.removeprefix(b"Bearer ") in curious.seen]


def test_an_attempt_gets_none_of_the_clients_secrets_and_gives_no_cookie() -> None:
    curious = Curious(attempt())
    harness = LayerHarness(curious)
    harness.client_sends(ASKED)
    harness.upstream_sends(ANSWERED)
    assert not [secret for secret in SECRETS if secret in harness.to_upstream[1] + harness.to_client]
    assert not [secret for secret in SECRETS if secret.removeprefix(b"Bearer ") in curious.seen]
    assert b"sk-secret" in harness.to_upstream[1]


LONG = "sk-own-0123456789"  # pragma: allowlist secret


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_what_passes_through_and_repeats_a_secret_shows_it_to_the_client_alone(encoding: str) -> None:
    curious = Curious()
    harness = LayerHarness(curious)
    harness.client_sends(
        ASKED.replace(b"sk-own", LONG.encode()).replace(b"/responses", b"/models?api_key=q-0123456789")
    )
    real = f"you sent {LONG} and q-0123456789".encode()
    body = gzip.compress(real) if encoding else real
    head = f"HTTP/1.1 200 OK\r\nx-said: {LONG}\r\ncontent-encoding: {encoding}\r\ncontent-length: {len(body)}\r\n\r\n"
    harness.upstream_sends(head.encode() + body, TARGET)
    assert harness.to_client.endswith(body) and f"content-length: {len(body)}\r\n".encode() in harness.to_client
    assert f"x-said: {LONG}\r\n".encode() in harness.to_client
    flow = harness.flow("client")
    assert flow.response and flow.response.content == b"you sent ***************** and ************"
    assert flow.request.path == "/v1/models?api_key=<withheld>"
    assert b"/v1/models?api_key=q-0123456789 " in harness.to_upstream[TARGET]
    assert LONG not in str(flow.get_state()) and LONG.encode() not in curious.seen


def test_a_response_that_an_addon_changes_is_reported_as_changed() -> None:
    class Changing(Curious):
        def response(self, flow: http.HTTPFlow) -> None:
            assert flow.response
            flow.response.content = b"changed"

    harness = LayerHarness(Changing())
    harness.client_sends(ASKED.replace(b"sk-own", LONG.encode()))
    harness.upstream_sends(f"HTTP/1.1 200 OK\r\ncontent-length: {len(LONG)}\r\n\r\n{LONG}".encode(), TARGET)
    assert harness.to_client.endswith(b"content-length: 7\r\n\r\nchanged")


def test_a_header_that_an_addon_changes_is_sent_as_changed() -> None:
    class Changing(Curious):
        def request(self, flow: http.HTTPFlow) -> None:
            flow.request.headers["authorization"] = "Bearer other"

    harness = LayerHarness(Changing())
    harness.client_sends(ASKED)
    assert b"Bearer other" in harness.to_upstream[TARGET]
    assert b"session=1" in harness.to_upstream[TARGET]
