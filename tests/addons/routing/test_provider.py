"""Providers and their tables."""

from typing import Any

import pytest
from pydantic import ValidationError

from addons.routing.price import Price
from addons.routing.provider import Provider, matches
from addons.routing.rate_limits import RateLimits
from converters.anthropic.dialect import AnthropicDialect
from converters.chat.dialect import ChatDialect


def provider(**table: Any) -> Provider:
    return Provider.model_validate({"protocol": "chat", "base_url": "https://h/v1", "key_env": "K"} | table)


def chat(configured: Provider, model: str) -> ChatDialect:
    dialect = configured.endpoint("x", model, {}).upstream.dialect
    assert isinstance(dialect, ChatDialect)
    return dialect


def anthropic(configured: Provider, model: str) -> AnthropicDialect:
    dialect = configured.endpoint("x", model, {}).upstream.dialect
    assert isinstance(dialect, AnthropicDialect)
    return dialect


def test_an_endpoint_has_the_values_of_the_table() -> None:
    configured = provider(headers={"User-Agent": "us"}, first_byte=30, idle=60.5)
    endpoint = configured.endpoint("x", "m", {"K": "k"})
    assert (endpoint.upstream.provider_name, endpoint.upstream.model, endpoint.upstream.protocol) == ("x", "m", "chat")
    assert (endpoint.base_url, endpoint.keys, endpoint.headers) == ("https://h/v1", ("k",), {"User-Agent": "us"})
    assert (endpoint.first_byte, endpoint.idle) == (30, 60.5)
    assert (endpoint.connect, endpoint.progress) == (15, 1800), "no upstream may keep a client waiting for ever"


def test_all_keys_of_key_env_are_used() -> None:
    endpoint = provider(key_env=["K", "L"]).endpoint("x", "m", {"K": "1,2", "L": "3,1"})
    assert (endpoint.keys, endpoint.key) == (("1", "2", "3"), "1")


@pytest.mark.parametrize(
    ("environ", "keys"),
    [
        ({"K": "k", "L": "l", "M": "m"}, ("k",)),
        ({"L": "1,2", "M": "m"}, ("1", "2")),
        ({"M": "m"}, ("m",)),
        ({"L": ",", "M": "m"}, ("m",)),
        ({}, ()),
    ],
)
def test_of_the_alternatives_the_first_that_is_set_is_used(environ: dict[str, str], keys: tuple[str, ...]) -> None:
    configured = provider(key_env_else=["L", "M"])
    assert configured.endpoint("x", "m", environ).keys == keys
    assert configured.has_key(environ) == bool(keys)
    assert configured.variables == ("K", "L", "M")


def test_limits_and_prices_are_the_endpoints() -> None:
    configured = provider(limits={"concurrent": 2}, models={"m": {"price": {"input": 1, "output": 2}}})
    endpoint = configured.endpoint("x", "m", {})
    assert (endpoint.limits, endpoint.key_limits) == (RateLimits(concurrent=2), None)
    assert endpoint.price == Price(input=1, output=2)
    assert configured.endpoint("x", "unknown", {}).price is None


@pytest.mark.parametrize(
    ("table", "auth"),
    [
        ({}, "bearer"),
        ({"protocol": "responses"}, "bearer"),
        ({"protocol": "anthropic"}, "x-api-key"),
        ({"protocol": "anthropic", "auth": "bearer"}, "bearer"),
        ({"key_env": []}, "none"),
        ({"key_env": [], "auth": "none"}, "none"),
        ({"key_env": [], "auth": "client"}, "client"),
        ({"key_env": [], "protocol": "anthropic"}, "none"),
    ],
)
def test_the_default_auth_follows_from_protocol_and_keys(table: dict[str, Any], auth: str) -> None:
    assert provider(**table).endpoint("x", "m", {}).auth == auth


@pytest.mark.parametrize("table", [{"auth": "none"}, {"auth": "client"}, {"key_env": [], "auth": "bearer"}])
def test_an_auth_that_contradicts_the_variables_is_refused(table: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="key_env"):
        provider(**table)


@pytest.mark.parametrize(
    "name", ["Authorization", "x-api-key", "Host", "Content-Length", "Transfer-Encoding", "Connection", "Cookie"]
)
def test_headers_that_the_proxy_sets_itself_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="set by the proxy itself"):
        provider(headers={name: "x"})


@pytest.mark.parametrize("header", [{"x y": "z"}, {"": "z"}, {"x": "a\r\nb: c"}, {"x": "é"}])
def test_invalid_headers_are_refused(header: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="not valid in an HTTP header"):
        provider(headers=header)


def test_variants_apply_to_their_models_and_a_later_one_wins() -> None:
    configured = provider(
        dialect={"effort": "thinking", "reasoning_back": "text"},
        variants=[
            {"models": ["a*"], "dialect": {"reasoning_back": "exact", "call_ids": "indexed"}},
            {"models": ["ab"], "dialect": {"reasoning_back": "none"}},
        ],
    )
    assert [chat(configured, model).reasoning_back for model in ("x", "a", "ab")] == ["text", "exact", "none"]
    assert (chat(configured, "ab").effort, chat(configured, "ab").call_ids) == ("thinking", "indexed")


def test_a_variant_with_another_protocol_has_none_of_the_first_ones_flags() -> None:
    configured = provider(
        dialect={"reasoning_back": "exact"},
        variants=[
            {"models": ["claude-*"], "protocol": "anthropic", "dialect": {"thinking": "budget"}},
            {"models": ["*"], "dialect": {"effort": "thinking"}},
        ],
    )
    assert anthropic(configured, "claude-x").thinking == "budget"
    assert configured.endpoint("x", "claude-x", {}).auth == "x-api-key"
    assert chat(configured, "other").effort == "thinking"


def test_the_images_flag_follows_the_model() -> None:
    configured = provider(models={"eyes": {"images": True}, "blind": {}})
    assert [chat(configured, model).images for model in ("eyes", "blind", "unlisted")] == [True, False, True]


def test_a_model_without_reasoning_gets_no_effort() -> None:
    flags = {"effort": "thinking", "reasoning_back": "exact"}
    configured = provider(dialect=flags, models={"m": {"reasoning": False}})
    assert (chat(configured, "m").effort, chat(configured, "m").reasoning_back) == ("none", "none")
    claude = provider(protocol="anthropic", dialect={"thinking": "adaptive"}, models={"m": {"reasoning": False}})
    assert anthropic(claude, "m").thinking == "none"


def test_a_models_own_efforts_win_over_the_dialects() -> None:
    configured = provider(dialect={"efforts": ["low", "high"]}, models={"m": {"efforts": ["max"]}})
    assert [chat(configured, model).efforts for model in ("m", "other")] == [("max",), ("low", "high")]


def test_max_tokens_is_limited_by_the_models_output() -> None:
    configured = provider(
        dialect={"max_tokens": 32_000}, models={"small": {"output": 8_000}, "large": {"output": 64_000}}
    )
    assert [chat(configured, model).max_tokens for model in ("small", "large", "other")] == [8_000, 32_000, 32_000]
    assert chat(provider(models={"small": {"output": 8_000}}), "small").max_tokens is None


@pytest.mark.parametrize(
    ("requested", "name"),
    [
        ("deepseek/v4", "deepseek/v4"),
        ("v4", "deepseek/v4"),
        ("reseller/v4", "deepseek/v4"),
        ("twice", "twice"),
        ("plain", "plain"),
        ("reseller/plain", "plain"),
        ("unlisted", "unlisted"),
        ("reseller/unlisted", "unlisted"),
        ("maker/unlisted", "maker/unlisted"),
    ],
)
def test_a_model_is_found_under_the_providers_name_for_it(requested: str, name: str) -> None:
    configured = provider(models={name: {} for name in ("deepseek/v4", "a/twice", "b/twice", "plain")})
    assert configured.upstream_name("reseller", requested) == name


def test_globs_are_case_sensitive() -> None:
    assert matches(("glm-*",), "glm-5") and not matches(("glm-*",), "GLM-5")


@pytest.mark.parametrize("glob", ["a[[]b", "[]]", "[!]]", "a]", "[a-c]"])
def test_a_bracket_may_stand_for_itself_in_a_glob(glob: str) -> None:
    assert provider(variants=[{"models": [glob]}]).variants[0].models == (glob,)


@pytest.mark.parametrize("glob", ["", " a", "a[b", "[a][b"])
def test_an_invalid_glob_is_refused(glob: str) -> None:
    with pytest.raises(ValidationError, match=r"empty|spaces|does not close"):
        provider(variants=[{"models": [glob]}])
