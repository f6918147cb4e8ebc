"""Which provider serves which model."""

import os
from pathlib import Path

import pytest

from addons.routing import config
from addons.routing.api_keys import KeyProblem, MissingKey
from addons.routing.router import Router
from converters.errors import RequestError

DEEPSEEK, OPENROUTER = {"DEEPSEEK_API_KEY": "d"}, {"OPENROUTER_API_KEY": "o"}

TWO_ROUTES = """
[[routes]]
models = ["deepseek-*"]
providers = ["deepseek", "openrouter"]

[[routes]]
models = ["*"]
providers = "ollama"
model = "qwen3:8b"
"""


def serving(router: Router, model: str, environ: dict[str, str]) -> list[tuple[str, str]]:
    return [(endpoint.upstream.provider_name, endpoint.upstream.model) for endpoint in router.endpoints(model, environ)]


def slugs(router: Router, environ: dict[str, str]) -> list[str]:
    return [listed_model.slug for listed_model in router.listed_models(environ)]


def test_without_routes_a_listed_model_goes_to_a_provider_with_a_key() -> None:
    assert serving(config.load(None), "deepseek-v4-pro", DEEPSEEK) == [("deepseek", "deepseek-v4-pro")]


def test_without_routes_the_maker_comes_before_the_reseller() -> None:
    both = {"OPENCODE_API_KEY": "z", **DEEPSEEK}
    assert serving(config.load(None), "deepseek-v4-pro", both) == [("deepseek", "deepseek-v4-pro")]
    assert serving(config.load(None), "deepseek-v4-pro", {"OPENCODE_API_KEY": "z"})[0][0] == "opencode"


@pytest.mark.parametrize("model", ["deepseek-v4-pro", "unheard-of", "gpt-5.5", "nobody/x", "deepseek/", "/x", ""])
def test_a_model_without_a_provider_with_a_key_passes_through(model: str) -> None:
    assert serving(config.load(None), model, {}) == []


def test_a_model_may_name_its_provider() -> None:
    router = config.load(None)
    assert serving(router, "deepseek/deepseek-v4-pro", DEEPSEEK) == [("deepseek", "deepseek-v4-pro")]
    assert serving(router, "openrouter/deepseek/deepseek-v4-pro", OPENROUTER) == [
        ("openrouter", "deepseek/deepseek-v4-pro")
    ]
    assert serving(router, "ollama/qwen3:8b", {}) == [("ollama", "qwen3:8b")]


def test_a_listed_full_name_wins_over_the_provider_prefix() -> None:
    assert serving(config.load(None), "deepseek/deepseek-v4-pro", DEEPSEEK | OPENROUTER) == [
        ("openrouter", "deepseek/deepseek-v4-pro")
    ]


def test_local_servers_are_reached_by_prefix_only() -> None:
    assert serving(config.load(None), "qwen3:8b", {}) == []
    assert slugs(config.load(None), {}) == []


def test_the_first_route_that_matches_decides() -> None:
    assert serving(config.parse(TWO_ROUTES), "deepseek-v4-pro", DEEPSEEK) == [("deepseek", "deepseek-v4-pro")]
    assert serving(config.parse(TWO_ROUTES), "anything", {}) == [("ollama", "qwen3:8b")]


def test_a_routes_providers_are_in_order_each_with_its_own_model_name() -> None:
    assert serving(config.parse(TWO_ROUTES), "deepseek-v4-pro", DEEPSEEK | OPENROUTER) == [
        ("deepseek", "deepseek-v4-pro"),
        ("openrouter", "deepseek/deepseek-v4-pro"),
    ]


def test_a_table_names_the_model_by_provider() -> None:
    router = config.parse(
        '[[routes]]\nmodels = "best"\nproviders = ["deepseek", "openrouter"]\n'
        'model = { deepseek = "deepseek-v4-pro", openrouter = "z-ai/glm-5.2" }'
    )
    assert serving(router, "best", DEEPSEEK | OPENROUTER) == [
        ("deepseek", "deepseek-v4-pro"),
        ("openrouter", "z-ai/glm-5.2"),
    ]


def test_a_route_without_any_key_names_the_variables() -> None:
    with pytest.raises(MissingKey, match=r"DEEPSEEK_API_KEY \(for deepseek\) or OPENROUTER_API_KEY"):
        config.parse(TWO_ROUTES).endpoints("deepseek-v4-pro", {})


def test_with_routes_nothing_is_served_that_they_do_not_name() -> None:
    router = config.parse('[[routes]]\nmodels = ["glm-*"]\nproviders = ["zai"]')
    assert serving(router, "deepseek-v4-pro", DEEPSEEK) == []
    assert serving(router, "deepseek/deepseek-v4-pro", DEEPSEEK) == [("deepseek", "deepseek-v4-pro")]


def test_a_provider_of_ones_own_stands_before_the_shipped() -> None:
    router = config.parse(
        '[providers.mine]\nprotocol = "chat"\nbase_url = "https://h"\nkey_env = "MINE"\n'
        'models = { "deepseek-v4-pro" = {} }'
    )
    assert serving(router, "deepseek-v4-pro", {"MINE": "m", **DEEPSEEK}) == [("mine", "deepseek-v4-pro")]


def test_a_provider_that_takes_the_clients_credentials_needs_no_key() -> None:
    text = '[[routes]]\nmodels = "gpt-*"\nproviders = "openai"\n[providers.openai]\nkey_env = []\n'
    (endpoint,) = config.parse(text + 'auth = "client"').endpoints("gpt-5.5", {})
    assert endpoint.own_credentials and endpoint.credentials() == {}
    (endpoint,) = config.parse(text).endpoints("gpt-5.5", {"OPENAI_API_KEY": "k"})
    assert not endpoint.own_credentials and endpoint.credentials() == {}


def test_a_key_file_open_to_others_is_an_error_and_lists_nothing(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("k")
    path.chmod(0o644)
    environ = {"DEEPSEEK_API_KEY_FILE": os.fspath(path)}
    with pytest.raises(KeyProblem, match="chmod 600"):
        config.load(None).endpoints("deepseek-v4-pro", environ)
    assert slugs(config.load(None), environ) == []


@pytest.mark.parametrize("model", ["kimi-k3", "deepseek/anything", "gpt-5.5", "openai/gpt-5.5"])
def test_a_known_model_passes_through_to_no_host_but_its_own(model: str) -> None:
    with pytest.raises(MissingKey, match="_API_KEY"):
        config.load(None).check_pass_through(model, {}, "target")


@pytest.mark.parametrize("model", ["unheard-of", "nobody/x", "deepseek", "deepseek/", "/x", ""])
def test_an_unknown_model_passes_through_to_any_host(model: str) -> None:
    config.load(None).check_pass_through(model, {}, "target")


@pytest.mark.parametrize("host", ["api.openai.com", "chatgpt.com", "eu.api.openai.com", "API.OpenAI.com"])
def test_openais_own_models_pass_through_to_openai(host: str) -> None:
    config.load(None).check_pass_through("gpt-5.5", {}, host)
    with pytest.raises(MissingKey):
        config.load(None).check_pass_through("claude-opus-5", {}, host)


@pytest.mark.parametrize("host", ["notchatgpt.com", "api.openai.com.evil.example", "openai.com"])
def test_a_similar_host_is_another(host: str) -> None:
    with pytest.raises(MissingKey):
        config.load(None).check_pass_through("gpt-5.5", {}, host)


def test_a_known_model_without_route_is_refused_with_a_suggestion() -> None:
    router = config.parse('[[routes]]\nmodels = ["glm-*"]\nproviders = ["zai"]')
    with pytest.raises(RequestError, match="ask for deepseek/deepseek-v4-pro"):
        router.check_pass_through("deepseek-v4-pro", DEEPSEEK, "target")


def test_every_listed_model_is_served_by_its_endpoint() -> None:
    router = config.load(None)
    environ = {name: "k" for provider in router.providers.values() for name in provider.variables}
    listed_models = router.listed_models(environ)
    assert len(listed_models) > 100
    assert [listed_model.endpoint for listed_model in listed_models] == [
        router.endpoints(listed_model.slug, environ)[0] for listed_model in listed_models
    ]


def test_routes_list_their_names_and_the_matches_of_their_globs() -> None:
    router = config.parse(
        '[[routes]]\nmodels = ["best", "kimi-*"]\nproviders = ["moonshot"]\n'
        '[[routes]]\nmodels = ["deepseek-v4-*"]\nproviders = ["deepseek", "openrouter"]'
    )
    environ = {"MOONSHOT_API_KEY": "m", **OPENROUTER}
    listed = slugs(router, environ)
    assert listed[:2] == ["best", "kimi-k3"]
    assert listed[-2:] == ["deepseek-v4-pro", "deepseek-v4-flash"]
    assert not {"glm-5.2", "deepseek/deepseek-v4-pro"} & set(listed)


def test_a_route_without_a_key_lists_nothing() -> None:
    assert slugs(config.parse('[[routes]]\nmodels = ["best", "kimi-*"]\nproviders = ["moonshot"]'), {}) == []
