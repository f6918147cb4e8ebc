"""URLs and credentials of one provider."""

import pytest

from addons.routing.endpoint import Auth, ProviderEndpoint, normalised
from converters.chat.dialect import ChatDialect
from converters.protocols import PROTOCOLS, Upstream

UPSTREAM = Upstream(provider_name="x", protocol="chat", model="m", dialect=ChatDialect())


def endpoint(base_url: str, auth: Auth = "bearer", keys: tuple[str, ...] = ()) -> ProviderEndpoint:
    return ProviderEndpoint(upstream=UPSTREAM, base_url=normalised(base_url), auth=auth, keys=keys)


@pytest.mark.parametrize(
    ("pasted", "base_url"),
    [
        ("https://api.deepseek.com", "https://api.deepseek.com"),
        ("https://api.deepseek.com/", "https://api.deepseek.com"),
        ("  https://api.deepseek.com/v1// ", "https://api.deepseek.com/v1"),
        ("https://api.deepseek.com/v1/chat/completions", "https://api.deepseek.com/v1"),
        ("https://api.deepseek.com/v1/chat/completions/", "https://api.deepseek.com/v1"),
        ("https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1"),
        ("https://api.openai.com/v1/responses", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/responses/compact", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/v1", "https://api.openai.com/v1"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
        ("https://h/v1/v10", "https://h/v1/v10"),
    ],
)
def test_a_pasted_url_becomes_a_base_url(pasted: str, base_url: str) -> None:
    assert normalised(pasted) == base_url


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("https://api.deepseek.com", "/chat/completions", "https://api.deepseek.com/v1/chat/completions"),
        ("https://api.deepseek.com/v1", "/chat/completions", "https://api.deepseek.com/v1/chat/completions"),
        ("https://api.deepseek.com/v1", "/v1/chat/completions", "https://api.deepseek.com/v1/chat/completions"),
        ("https://api.z.ai/api/paas/v4", "/chat/completions", "https://api.z.ai/api/paas/v4/chat/completions"),
        ("https://api.z.ai/api/paas/v4", "/v1/chat/completions", "https://api.z.ai/api/paas/v4/chat/completions"),
        ("https://h/v1beta/openai", "/chat/completions", "https://h/v1beta/openai/chat/completions"),
        ("https://api.kilo.ai/api/gateway", "/chat/completions", "https://api.kilo.ai/api/gateway/chat/completions"),
        ("https://api.z.ai/api/anthropic", "/messages", "https://api.z.ai/api/anthropic/v1/messages"),
        ("https://api.anthropic.com", "/messages", "https://api.anthropic.com/v1/messages"),
        ("https://api.anthropic.com/v1", "/messages", "https://api.anthropic.com/v1/messages"),
        ("https://api.openai.com/v1", "/responses/compact", "https://api.openai.com/v1/responses/compact"),
    ],
)
def test_every_url_has_exactly_one_version(base: str, path: str, url: str) -> None:
    (protocol,) = (name for name, row in PROTOCOLS.items() if row.is_at(path))
    upstream = Upstream(provider_name="x", protocol=protocol, model="m", dialect=PROTOCOLS[protocol].dialect())
    assert ProviderEndpoint(upstream, normalised(base), "none").url(path) == url


def test_no_version_is_added_to_a_base_url_with_a_slash_at_its_end() -> None:
    assert ProviderEndpoint(UPSTREAM, "https://h/", "client").url("/responses") == "https://h/responses"


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("api.deepseek.com/v1", "must look like https"),
        ("ftp://h/v1", "must look like https"),
        ("https:///v1", "must look like https"),
        ("https://user:secret@h/v1", "holds credentials"),  # pragma: allowlist secret
        ("https://h/v1?key=secret", "must have no [?] or #"),
        ("https://h/v1#x", "no [?] or #"),
        ("https://h:secret/v1", "must look like https"),
        ("https://[secret/v1", "must look like https"),
    ],
)
def test_an_invalid_base_url_is_refused(url: str, error: str) -> None:
    with pytest.raises(ValueError, match=error) as refused:
        normalised(url)
    assert "secret" not in str(refused.value)


def test_a_key_is_sent_in_the_header_that_the_provider_reads() -> None:
    assert endpoint("https://h", "bearer", ("k", "l")).credentials() == {"authorization": "Bearer" + " k"}
    assert endpoint("https://h", "x-api-key", ("k",)).credentials() == {"x-api-key": "k"}
    assert endpoint("https://h", "bearer", ("k", "l")).credentials("l") == {"authorization": "Bearer" + " l"}


@pytest.mark.parametrize("auth", ["none", "client"])
def test_no_key_is_sent_to_a_provider_without_one(auth: Auth) -> None:
    assert endpoint("https://h", auth).credentials() == {}
    assert endpoint("https://h", auth).credentials("k") == {}


def test_only_auth_client_forwards_the_clients_own_credentials() -> None:
    assert [endpoint("https://h", auth).own_credentials for auth in ("bearer", "x-api-key", "none", "client")] == [
        *(False, False, False, True)
    ]


def test_no_key_shows_in_a_targets_text() -> None:
    assert "hidden" not in repr(endpoint("https://h", keys=("hidden",)))
