"""Which provider answers which model."""

import os
from pathlib import Path

import pytest

from addons.routing import config
from addons.routing.api_keys import KeyProblem, MissingKey
from addons.routing.router import Routes
from converters.errors import RequestError

DEEPSEEK, OPENROUTER = {"DEEPSEEK_API_KEY": "d"}, {"OPENROUTER_API_KEY": "o"}

TWO = """
[[routes]]
models = ["deepseek-*"]
providers = ["deepseek", "openrouter"]

[[routes]]
models = ["*"]
providers = "ollama"
model = "qwen3:8b"
"""


def answers(routes: Routes, model: str, environ: dict[str, str]) -> list[tuple[str, str]]:
    return [(one.upstream.who, one.upstream.model) for one in routes.targets(model, environ)]


def slugs(routes: Routes, environ: dict[str, str]) -> list[str]:
    return [offer.slug for offer in routes.offers(environ)]


def test_without_routes_a_listed_model_goes_to_who_has_a_key() -> None:
    assert answers(config.load(None), "deepseek-v4-pro", DEEPSEEK) == [("deepseek", "deepseek-v4-pro")]


def test_without_routes_the_maker_comes_before_the_reseller() -> None:
    both = {"OPENCODE_API_KEY": "z", **DEEPSEEK}
    assert answers(config.load(None), "deepseek-v4-pro", both) == [("deepseek", "deepseek-v4-pro")]
    assert answers(config.load(None), "deepseek-v4-pro", {"OPENCODE_API_KEY": "z"})[0][0] == "opencode"


@pytest.mark.parametrize("model", ["deepseek-v4-pro", "unheard-of", "gpt-5.5", "nobody/x", "deepseek/", "/x", ""])
def test_what_nobody_with_a_key_serves_passes_through(model: str) -> None:
    assert answers(config.load(None), model, {}) == []


def test_a_model_may_name_its_provider() -> None:
    routes = config.load(None)
    assert answers(routes, "deepseek/deepseek-v4-pro", DEEPSEEK) == [("deepseek", "deepseek-v4-pro")]
    assert answers(routes, "openrouter/deepseek/deepseek-v4-pro", OPENROUTER) == [
        ("openrouter", "deepseek/deepseek-v4-pro")
    ]
    assert answers(routes, "ollama/qwen3:8b", {}) == [("ollama", "qwen3:8b")]


def test_the_full_name_counts_before_the_providers() -> None:
    assert answers(config.load(None), "deepseek/deepseek-v4-pro", DEEPSEEK | OPENROUTER) == [
        ("openrouter", "deepseek/deepseek-v4-pro")
    ]


def test_servers_on_this_machine_are_reached_by_name_only() -> None:
    assert answers(config.load(None), "qwen3:8b", {}) == []
    assert slugs(config.load(None), {}) == []


def test_the_first_route_that_matches_decides() -> None:
    assert answers(config.parse(TWO), "deepseek-v4-pro", DEEPSEEK) == [("deepseek", "deepseek-v4-pro")]
    assert answers(config.parse(TWO), "anything", {}) == [("ollama", "qwen3:8b")]


def test_a_routes_providers_are_tried_in_order_each_under_its_own_name() -> None:
    assert answers(config.parse(TWO), "deepseek-v4-pro", DEEPSEEK | OPENROUTER) == [
        ("deepseek", "deepseek-v4-pro"),
        ("openrouter", "deepseek/deepseek-v4-pro"),
    ]


def test_a_table_names_the_model_by_provider() -> None:
    routes = config.parse(
        '[[routes]]\nmodels = "best"\nproviders = ["deepseek", "openrouter"]\n'
        'model = { deepseek = "deepseek-v4-pro", openrouter = "z-ai/glm-5.2" }'
    )
    assert answers(routes, "best", DEEPSEEK | OPENROUTER) == [
        ("deepseek", "deepseek-v4-pro"),
        ("openrouter", "z-ai/glm-5.2"),
    ]


def test_a_route_without_any_key_says_what_to_set() -> None:
    with pytest.raises(MissingKey, match=r"DEEPSEEK_API_KEY \(for deepseek\) or OPENROUTER_API_KEY"):
        config.parse(TWO).targets("deepseek-v4-pro", {})


def test_with_routes_nothing_is_served_that_they_do_not_name() -> None:
    routes = config.parse('[[routes]]\nmodels = ["glm-*"]\nproviders = ["zai"]')
    assert answers(routes, "deepseek-v4-pro", DEEPSEEK) == []
    assert answers(routes, "deepseek/deepseek-v4-pro", DEEPSEEK) == [("deepseek", "deepseek-v4-pro")]


def test_a_provider_of_ones_own_stands_before_the_shipped() -> None:
    routes = config.parse(
        '[providers.mine]\nprotocol = "chat"\nbase_url = "https://h"\nkey_env = "MINE"\n'
        'models = { "deepseek-v4-pro" = {} }'
    )
    assert answers(routes, "deepseek-v4-pro", {"MINE": "m", **DEEPSEEK}) == [("mine", "deepseek-v4-pro")]


def test_a_provider_that_takes_the_clients_credentials_needs_no_key() -> None:
    text = '[[routes]]\nmodels = "gpt-*"\nproviders = "openai"\n[providers.openai]\nkey_env = []\n'
    (target,) = config.parse(text + 'auth = "client"').targets("gpt-5.5", {})
    assert target.own_credentials and target.credentials() == {}
    (target,) = config.parse(text).targets("gpt-5.5", {"OPENAI_API_KEY": "k"})
    assert not target.own_credentials and target.credentials() == {}


def test_a_key_file_open_to_others_is_told_and_lists_nothing(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("k")
    path.chmod(0o644)
    environ = {"DEEPSEEK_API_KEY_FILE": os.fspath(path)}
    with pytest.raises(KeyProblem, match="chmod 600"):
        config.load(None).targets("deepseek-v4-pro", environ)
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
def test_a_host_that_only_looks_like_it_is_another(host: str) -> None:
    with pytest.raises(MissingKey):
        config.load(None).check_pass_through("gpt-5.5", {}, host)


def test_a_known_model_that_the_routes_leave_out_is_told_with_a_way_to_it() -> None:
    routes = config.parse('[[routes]]\nmodels = ["glm-*"]\nproviders = ["zai"]')
    with pytest.raises(RequestError, match="ask for deepseek/deepseek-v4-pro"):
        routes.check_pass_through("deepseek-v4-pro", DEEPSEEK, "target")


def test_every_offer_is_answered_as_it_says() -> None:
    routes = config.load(None)
    environ = {name: "k" for one in routes.providers.values() for name in one.key_env}
    offers = routes.offers(environ)
    assert len(offers) > 100
    assert [one.target for one in offers] == [routes.targets(one.slug, environ)[0] for one in offers]


def test_routes_offer_their_names_and_what_their_globs_match() -> None:
    routes = config.parse(
        '[[routes]]\nmodels = ["best", "kimi-*"]\nproviders = ["moonshot"]\n'
        '[[routes]]\nmodels = ["deepseek-v4-*"]\nproviders = ["deepseek", "openrouter"]'
    )
    environ = {"MOONSHOT_API_KEY": "m", **OPENROUTER}
    offered = slugs(routes, environ)
    assert offered[:2] == ["best", "kimi-k3"]
    assert offered[-2:] == ["deepseek-v4-pro", "deepseek-v4-flash"]
    assert not {"glm-5.2", "deepseek/deepseek-v4-pro"} & set(offered)


def test_a_route_without_a_key_offers_nothing() -> None:
    assert slugs(config.parse('[[routes]]\nmodels = ["best", "kimi-*"]\nproviders = ["moonshot"]'), {}) == []


def test_routes_have_names_for_people() -> None:
    assert config.parse(TWO).names() == ["deepseek-* -> deepseek, openrouter", "* -> ollama"]
