"""What Codex asks for beside its questions."""

import pytest

from tests.addons.house import CODEX, TARGET, House, Message
from tests.addons.stage import Stage

WEBSOCKET = CODEX | {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}


def answered(stage: Stage) -> Message:
    assert stage.to_upstream == {}
    return Message(stage.to_client)


@pytest.fixture
def idle(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """With no route and no key there is nothing to serve."""
    house.set(routes="")
    monkeypatch.delenv("ACME_KEY")
    return house


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/v1/models?client_version=0.169.0", "/v1/models/"])
def test_the_list_of_models_has_both_forms(house: House, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    house.set(routes="")
    monkeypatch.setenv("DEEPSEEK_API_KEY", "k")
    told = answered(house.get(path))
    assert (told.status, told.headers["content-type"]) == (200, "application/json")
    ids = [one["id"] for one in told.json["data"]]
    assert "deepseek-v4-pro" in ids
    assert ids == [one["slug"] for one in told.json["models"]]


def test_without_anything_to_serve_the_list_is_the_targets(idle: House) -> None:
    stage = idle.get("/v1/models")
    sent = Message(stage.to_upstream[TARGET])
    assert sent.first == "GET /v1/models HTTP/1.1"
    assert {name: sent.headers[name] for name in CODEX} == CODEX


def test_one_model_can_be_asked_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.set(routes="")
    monkeypatch.setenv("OPENROUTER_API_KEY", "k")
    told = answered(house.get("/v1/models/deepseek%2Fdeepseek-v4-pro"))
    assert (told.status, told.json["id"], told.json["object"]) == (200, "deepseek/deepseek-v4-pro", "model")
    told = answered(house.get("/v1/models/nobody"))
    assert (told.status, told.error["code"]) == (404, "model_not_found")


def test_without_anything_to_serve_one_model_is_the_targets(idle: House) -> None:
    assert Message(idle.get("/v1/models/gpt-5.5").to_upstream[TARGET]).first == "GET /v1/models/gpt-5.5 HTTP/1.1"


def test_routes_of_globs_alone_do_not_leave_the_list_to_the_target(house: House) -> None:
    house.routes("""
[[routes]]
models = ["x-*"]
providers = ["x"]

[providers.x]
protocol = "chat"
base_url = "http://x"
auth = "none"
""")
    assert answered(house.get("/v1/models")).json == {"object": "list", "data": [], "models": []}


def test_a_websocket_is_refused_as_codex_expects_it(house: House) -> None:
    told = answered(house.get("/v1/responses", WEBSOCKET))
    assert (told.status, told.headers["upgrade"]) == (426, "HTTP/1.1")
    assert "use POST" in told.error["message"]


def test_a_plain_get_is_no_question(house: House) -> None:
    told = answered(house.get("/v1/responses"))
    assert (told.status, told.headers["allow"]) == (405, "POST")
    assert told.error["message"] == "use POST"


def test_a_websocket_is_refused_with_nothing_to_serve_too(idle: House) -> None:
    """What is asked in it, and of whose model, nobody here would see."""
    assert answered(idle.get("/v1/responses", WEBSOCKET)).status == 426


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/models"), ("GET", "/v1/files")])
def test_everything_else_passes_through(house: House, method: str, path: str) -> None:
    stage = house.get(path, method=method)
    assert Message(stage.to_upstream[TARGET]).first == f"{method} {path} HTTP/1.1"
