"""Secrets in headers are sent on the wire and are nowhere else."""

import gc

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from addons.credentials import header_secrets
from addons.credentials.header_secrets import Destination, Secret
from addons.credentials.masking import Mask

SECRET_HEADERS = (
    "Authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "x-transcodex-token",
)
SECRET_HEADERS += ("cookie", "set-cookie", "chatgpt-account-id", "openai-organization", "openai-project", "X-Api-Token")
SECRET_HEADERS += (
    "Ocp-Apim-Subscription-Key",
    "cf-aig-authorization",
    "x-amz-security-token",
    "X-AuthToken",
    "x-csrf-token",
)


def request(url: str = "https://example.org/v1/responses", **headers: str) -> http.Request:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return http.Request.make("POST", url, b"{}", http.Headers(fields))


def flow_of(message: http.Request) -> http.HTTPFlow:
    flow = tflow.tflow(req=message)
    header_secrets.keep(flow, header_secrets.take(message))
    return flow


def sent(flow: http.HTTPFlow) -> http.Request:
    """What a replay of the flow sends."""
    return header_secrets.restored(flow.request, header_secrets.secrets_for(flow, flow.request))[0]


@pytest.mark.parametrize("name", SECRET_HEADERS)
def test_a_secret_is_taken_and_restored(name: str) -> None:
    message = request(**{name: "s3cret", "accept": "text/event-stream"})
    secrets = header_secrets.take(message)
    assert message.headers[name] == header_secrets.PLACEHOLDER
    assert "s3cret" not in str(message.headers) + str(secrets)
    assert message.headers["accept"] == "text/event-stream"
    wire, missing = header_secrets.restored(message, secrets)
    assert (wire.headers[name], missing) == ("s3cret", [])
    assert message.headers[name] == header_secrets.PLACEHOLDER


@pytest.mark.parametrize(
    "name",
    [
        *("session-id", "thread-id", "x-codex-turn-metadata", "x-client-request-id", "user-agent", "sec-websocket-key"),
        *("anthropic-version", "x-ratelimit-remaining-tokens", "www-authenticate", "etag", "idempotency-key"),
    ],
)
def test_other_headers_stay(name: str) -> None:
    assert header_secrets.take(request(**{name: "value"})) == {}


def test_a_very_long_name_counts_as_secret_and_is_not_matched() -> None:
    assert header_secrets.is_secret("a-" * 100_000) and header_secrets.is_secret("key-" * 100_000)


def test_the_scheme_stays_readable() -> None:
    message = request(Authorization="Bearer sk-1")
    header_secrets.take(message)
    assert message.headers["authorization"] == "Bearer <withheld>"


def test_several_cookies_come_back_in_their_order() -> None:
    response = http.Response.make(200, b"", http.Headers([(b"Set-Cookie", b"a=1"), (b"set-cookie", b"b=2")]))
    secrets = header_secrets.take(response)
    assert response.headers.get_all("set-cookie") == [header_secrets.PLACEHOLDER] * 2
    assert header_secrets.restored(response, secrets)[0].headers.get_all("set-cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize(
    ("query", "shown", "left"),
    [
        ("api_key=s3&x=1", "api_key=<withheld>&x=1", "?x=1"),
        ("x=1&key=s3;token=s3", "x=1&key=<withheld>;token=<withheld>", "?x=1"),
        ("X-Amz-Signature=s3", "X-Amz-Signature=<withheld>", ""),
        ("api%5Fkey=s3", "api%5Fkey=<withheld>", ""),
        ("page=2&max_tokens=3&key=", "page=2&max_tokens=3&key=", "?page=2&max_tokens=3&key="),
    ],
)
def test_a_key_in_a_url_is_taken_and_restored_or_left_out(query: str, shown: str, left: str) -> None:
    message = request(f"https://example.org/v1/models?{query}")
    secrets = header_secrets.take(message)
    assert message.path == f"/v1/models?{shown}"
    assert header_secrets.restored(message, secrets)[0].path == f"/v1/models?{query}"
    assert header_secrets.restored(message, {})[0].path == f"/v1/models{left}"


def test_headers_that_a_user_edited_or_removed_stay_so() -> None:
    message = request(authorization="Bearer sk-1", cookie="a=1")
    secrets = header_secrets.take(message)
    message.headers["authorization"] = "Bearer mine"
    del message.headers["cookie"]
    wire = header_secrets.restored(message, secrets)[0].headers
    assert wire["authorization"] == "Bearer mine"
    assert "cookie" not in wire


def test_a_placeholder_is_no_credential() -> None:
    message = request(authorization="Bearer <withheld>", cookie="<withheld>", x_note="<withheld> is a word")
    assert header_secrets.take(message) == {}
    wire, missing = header_secrets.restored(message, {})
    assert sorted(missing) == ["authorization", "cookie"]
    assert wire.headers["x-note"] == "<withheld> is a word"
    assert not {"authorization", "cookie"} & set(wire.headers)


def test_the_proxy_itself_can_still_read_them() -> None:
    flow = flow_of(request(authorization="Bearer sk-1", chatgpt_account_id="acc-1"))
    assert header_secrets.credential(flow, "authorization") == "Bearer sk-1"
    assert header_secrets.credentials(flow) == {"authorization": "Bearer sk-1", "chatgpt-account-id": "acc-1"}
    del flow.request.headers["authorization"]
    assert header_secrets.credentials(flow) == {"chatgpt-account-id": "acc-1"}
    flow.request.headers["chatgpt-account-id"] = "edited"
    assert header_secrets.credentials(flow) == {"chatgpt-account-id": "edited"}


def test_a_header_that_was_never_taken_is_read_from_the_flow() -> None:
    assert header_secrets.credential(tflow.tflow(req=request(authorization="Bearer x")), "authorization") == "Bearer x"
    assert header_secrets.credential(tflow.tflow(req=request()), "authorization") == ""
    assert header_secrets.credential(tflow.tflow(req=request(authorization="Bearer <withheld>")), "authorization") == ""


# --- replays ---


def test_a_flow_and_its_duplicate_are_sent_again_as_they_were() -> None:
    flow = flow_of(request("https://example.org/v1/models?key=s3", authorization="Bearer sk-1"))
    for replayed in (flow, flow.copy(), flow.copy().copy()):
        header_secrets.keep(replayed, header_secrets.take(replayed.request))  # as the layer does when a replay starts
        assert sent(replayed).headers["authorization"] == "Bearer sk-1"
        assert sent(replayed).path == "/v1/models?key=s3"
        assert "sk-1" not in str(replayed.get_state())


def test_a_saved_flow_has_nothing_to_send() -> None:
    state = flow_of(request(authorization="Bearer sk-1")).get_state()
    gc.collect()
    assert "authorization" not in sent(http.HTTPFlow.from_state(state)).headers


def test_a_users_own_credential_is_sent_and_no_longer_shown() -> None:
    flow = flow_of(request(authorization="Bearer sk-1", cookie="a=1"))
    flow.request.headers["authorization"] = "Bearer sk-mine"
    header_secrets.keep(flow, header_secrets.take(flow.request))
    assert flow.request.headers["authorization"] == "Bearer <withheld>"
    assert sent(flow).headers["authorization"] == "Bearer sk-mine"
    assert sent(flow).headers["cookie"] == "a=1"


@pytest.mark.parametrize(
    ("part", "elsewhere"),
    [("host", "evil.example"), ("port", 8443), ("scheme", "http"), ("host_header", "evil.example")],
)
def test_a_request_to_another_destination_has_no_credentials(part: str, elsewhere: object) -> None:
    flow = flow_of(request(authorization="Bearer sk-1"))
    setattr(flow.request, part, elsewhere)
    assert "authorization" not in sent(flow).headers


def test_a_forgotten_secret_is_not_sent() -> None:
    flow = flow_of(request(authorization="Bearer sk-1", cookie="a=1"))
    header_secrets.forget(flow, ["authorization"])
    assert "authorization" not in sent(flow).headers and sent(flow).headers["cookie"] == "a=1"


@pytest.mark.parametrize(
    ("address", "is_below"),
    [
        ("https://api.example/v1/chat/completions", True),
        ("https://api.example/v1", True),
        ("https://API.example:443/v1/models?x=1", True),
        ("https://api.example/v10/chat", False),
        ("https://api.example/", False),
        ("https://api.example/v1/../evil", False),
        ("https://api.example/v1/%2e%2e/evil", False),
        ("https://api.example/v1/..%2fevil", False),
        ("http://api.example/v1/chat", False),
        ("https://api.example:8443/v1/chat", False),
        ("https://evil.example/v1/chat", False),
        ("https://api.example.evil/v1/chat", False),
        ("https://evil.example/https://api.example/v1/chat", False),
    ],
)
def test_a_providers_destination_is_its_base_url_and_all_below(address: str, is_below: bool) -> None:
    assert Destination.at("https://api.example/v1").includes(request(address)) == is_below


def test_a_providers_destination_goes_by_its_own_name() -> None:
    message = request("https://api.example/v1/chat")
    message.headers["host"] = "evil.example"
    assert not Destination.at("https://api.example/v1").includes(message)
    message.headers["host"] = "api.example:443"
    assert Destination.at("https://api.example/v1").includes(message)
    assert Destination.at("https://api.example/v1").includes(message, "api.example")
    assert not Destination.at("https://api.example/v1").includes(message, "evil.example")
    message.authority = "evil.example"
    assert not Destination.at("https://api.example/v1").includes(message)


def test_what_response_headers_repeat_is_masked_and_can_be_restored() -> None:
    response = http.Response.make(401, b"", {"x-seen": "key sk-1234567890", "x-other": "1"})
    secrets = header_secrets.mask(response.headers, Mask(["sk-1234567890"]))
    assert response.headers["x-seen"] == "key *************"
    assert header_secrets.restored(response, secrets)[0].headers["x-seen"] == "key sk-1234567890"


def test_a_secrets_repr_does_not_show_it() -> None:
    assert "hidden" not in repr(Secret.of("Bearer hidden"))
