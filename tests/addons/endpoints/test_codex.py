"""Codex's other requests: models and websockets."""

import pytest

from tests.addons.layer_harness import LayerHarness
from tests.addons.proxy_under_test import CODEX, TARGET, HttpMessage, ProxyUnderTest

WEBSOCKET = CODEX | {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}


def local_response(harness: LayerHarness) -> HttpMessage:
    assert harness.to_upstream == {}
    return HttpMessage(harness.to_client)


@pytest.fixture
def idle(proxy_under_test: ProxyUnderTest, monkeypatch: pytest.MonkeyPatch) -> ProxyUnderTest:
    """Without routes and keys there is no model to serve."""
    proxy_under_test.set(routes="")
    monkeypatch.delenv("ACME_KEY")
    return proxy_under_test


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/v1/models?client_version=0.169.0", "/v1/models/"])
def test_the_list_of_models_has_both_forms(
    proxy_under_test: ProxyUnderTest, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    proxy_under_test.set(routes="")
    monkeypatch.setenv("DEEPSEEK_API_KEY", "k")
    response = local_response(proxy_under_test.get(path))
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    ids = [model["id"] for model in response.json["data"]]
    assert "deepseek-v4-pro" in ids
    assert ids == [model["slug"] for model in response.json["models"]]


def test_without_models_the_request_for_the_list_passes_through(idle: ProxyUnderTest) -> None:
    harness = idle.get("/v1/models")
    sent = HttpMessage(harness.to_upstream[TARGET])
    assert sent.first == "GET /v1/models HTTP/1.1"
    assert {name: sent.headers[name] for name in CODEX} == CODEX


def test_one_model_can_be_requested(proxy_under_test: ProxyUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy_under_test.set(routes="")
    monkeypatch.setenv("OPENROUTER_API_KEY", "k")
    response = local_response(proxy_under_test.get("/v1/models/deepseek%2Fdeepseek-v4-pro"))
    assert (response.status, response.json["id"], response.json["object"]) == (200, "deepseek/deepseek-v4-pro", "model")
    response = local_response(proxy_under_test.get("/v1/models/nobody"))
    assert (response.status, response.error["code"]) == (404, "model_not_found")


def test_without_models_the_request_for_one_passes_through(idle: ProxyUnderTest) -> None:
    assert HttpMessage(idle.get("/v1/models/gpt-5.5").to_upstream[TARGET]).first == "GET /v1/models/gpt-5.5 HTTP/1.1"


def test_with_globs_alone_the_list_is_empty(proxy_under_test: ProxyUnderTest) -> None:
    proxy_under_test.routes("""
[[routes]]
models = ["x-*"]
providers = ["x"]

[providers.x]
protocol = "chat"
base_url = "http://x"
auth = "none"
""")
    assert local_response(proxy_under_test.get("/v1/models")).json == {"object": "list", "data": [], "models": []}


def test_a_websocket_is_refused_as_codex_expects_it(proxy_under_test: ProxyUnderTest) -> None:
    response = local_response(proxy_under_test.get("/v1/responses", WEBSOCKET))
    assert (response.status, response.headers["upgrade"]) == (426, "HTTP/1.1")
    assert "use POST" in response.error["message"]


def test_a_get_of_responses_is_refused(proxy_under_test: ProxyUnderTest) -> None:
    response = local_response(proxy_under_test.get("/v1/responses"))
    assert (response.status, response.headers["allow"]) == (405, "POST")
    assert response.error["message"] == "use POST"


def test_a_websocket_is_refused_without_models_too(idle: ProxyUnderTest) -> None:
    """The proxy would not see the requests in it."""
    assert local_response(idle.get("/v1/responses", WEBSOCKET)).status == 426


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/models"), ("GET", "/v1/files")])
def test_everything_else_passes_through(proxy_under_test: ProxyUnderTest, method: str, path: str) -> None:
    harness = proxy_under_test.get(path, method=method)
    assert HttpMessage(harness.to_upstream[TARGET]).first == f"{method} {path} HTTP/1.1"
