"""No flow holds a secret at any moment, and the wire misses none."""

from mitmproxy import http

from tests.addons.stage import Planned, Stage, attempt

SECRETS = (b"Bearer sk-own", b"session=1", b"acc-7", b"id=2")
ASKED = (
    b"POST /v1/responses HTTP/1.1\r\nhost: proxy\r\nauthorization: Bearer sk-own\r\ncookie: session=1\r\n"
    b"chatgpt-account-id: acc-7\r\ncontent-length: 5\r\n\r\nhello"
)
ANSWERED = b"HTTP/1.1 200 OK\r\nset-cookie: id=2\r\ncontent-length: 2\r\n\r\nok"
TARGET = 80


class Curious(Planned):
    """Notes the headers of each flow at each of its hooks."""

    def __init__(self, *steps: http.HTTPFlow) -> None:
        super().__init__(*steps)
        self.seen = b""

    def note(self, flow: http.HTTPFlow) -> None:
        self.seen += bytes(flow.request.headers) + (bytes(flow.response.headers) if flow.response else b"")

    requestheaders = request = responseheaders = response = error = note


def test_what_passes_through_has_its_secrets_on_the_wire_alone() -> None:
    curious = Curious()
    stage = Stage(curious)
    stage.says(ASKED)
    stage.upstream(ANSWERED, TARGET)
    for secret in SECRETS[:3]:
        assert secret in stage.to_upstream[TARGET]
    assert SECRETS[3] in stage.to_client
    assert b"<withheld>" in curious.seen
    assert b"<withheld>" not in stage.to_upstream[TARGET] + stage.to_client
    assert not [secret for secret in SECRETS if secret.removeprefix(b"Bearer ") in curious.seen]


def test_an_attempt_gets_none_of_the_clients_secrets_and_gives_no_cookie() -> None:
    curious = Curious(attempt())
    stage = Stage(curious)
    stage.says(ASKED)
    stage.upstream(ANSWERED)
    assert not [secret for secret in SECRETS if secret in stage.to_upstream[1] + stage.to_client]
    assert not [secret for secret in SECRETS if secret.removeprefix(b"Bearer ") in curious.seen]
    assert b"sk-secret" in stage.to_upstream[1]


def test_a_header_that_an_addon_changes_is_sent_as_changed() -> None:
    class Changing(Curious):
        def request(self, flow: http.HTTPFlow) -> None:
            flow.request.headers["authorization"] = "Bearer other"

    stage = Stage(Changing())
    stage.says(ASKED)
    assert b"Bearer other" in stage.to_upstream[TARGET]
    assert b"session=1" in stage.to_upstream[TARGET]
