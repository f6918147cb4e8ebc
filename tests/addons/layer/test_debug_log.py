"""What proxy_debug writes down."""

from addons.layer.debug_log import without_secrets
from tests.addons.layer.test_credential_stream import ANSWERED, ASKED, SECRETS, TARGET, Curious
from tests.addons.layer_harness import LayerHarness, attempt


def test_of_bytes_there_is_only_how_many() -> None:
    message = r"""  >> DataReceived(client, b'POST / HTTP/1.1\r\nauthorization: Bearer it\'s "x"\r\n\r\n')"""
    assert without_secrets(message) == "  >> DataReceived(client, 61 characters)"


def test_of_an_address_there_is_no_secret_parameter() -> None:
    message = "<< ReceiveHttp(RequestHeaders({'request': Request(GET h:80/v1/models?api_key=s3cret&x=1), 'end': True}))"
    assert without_secrets(message).endswith("/v1/models?api_key=<withheld>&x=1), 'end': True}))")


def test_a_request_with_credentials_can_be_debugged() -> None:
    for harness in (
        LayerHarness(Curious(), set_options={"proxy_debug": True}),
        LayerHarness(Curious(attempt()), set_options={"proxy_debug": True}),
    ):
        harness.client_sends(ASKED)
        harness.upstream_sends(ANSWERED, TARGET if TARGET in harness.to_upstream else 1)
        assert harness.to_client.startswith(b"HTTP/1.1 200 OK")
        assert len(harness.lines) > 10
        assert not [secret for secret in SECRETS if secret.decode().removeprefix("Bearer ") in "".join(harness.lines)]
