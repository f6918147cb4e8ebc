"""What a provider's table means."""

from typing import Any

import pytest
from pydantic import ValidationError

from addons.routing.provider import Provider, matches
from converters.anthropic.dialect import AnthropicDialect
from converters.chat.dialect import ChatDialect


def provider(**table: Any) -> Provider:
    return Provider.model_validate({"protocol": "chat", "base_url": "https://h/v1", "key_env": "K"} | table)


def chat(one: Provider, model: str) -> ChatDialect:
    dialect = one.target("x", model, {}).upstream.dialect
    assert isinstance(dialect, ChatDialect)
    return dialect


def anthropic(one: Provider, model: str) -> AnthropicDialect:
    dialect = one.target("x", model, {}).upstream.dialect
    assert isinstance(dialect, AnthropicDialect)
    return dialect


def test_a_target_holds_what_the_table_says() -> None:
    one = provider(headers={"User-Agent": "us"}, first_byte=30, idle=60.5)
    target = one.target("x", "m", {"K": "k"})
    assert (target.upstream.who, target.upstream.model, target.upstream.protocol) == ("x", "m", "chat")
    assert (target.base_url, target.keys, target.headers) == ("https://h/v1", ("k",), {"User-Agent": "us"})
    assert (target.first_byte, target.idle) == (30, 60.5)
    assert (target.connect, target.progress) == (15, 1800), "nobody may hold a client for ever"


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
def test_how_a_provider_is_paid_follows_from_protocol_and_keys(table: dict[str, Any], auth: str) -> None:
    assert provider(**table).target("x", "m", {}).auth == auth


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
def test_headers_that_http_cannot_carry_are_refused(header: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="no header that HTTP can carry"):
        provider(headers=header)


def test_a_variant_departs_for_its_models_and_a_later_one_wins() -> None:
    one = provider(
        dialect={"effort": "thinking", "reasoning_back": "text"},
        variants=[
            {"models": ["a*"], "dialect": {"reasoning_back": "exact", "call_ids": "indexed"}},
            {"models": ["ab"], "dialect": {"reasoning_back": "none"}},
        ],
    )
    assert [chat(one, model).reasoning_back for model in ("x", "a", "ab")] == ["text", "exact", "none"]
    assert (chat(one, "ab").effort, chat(one, "ab").call_ids) == ("thinking", "indexed")


def test_a_variant_may_speak_another_protocol_and_takes_no_flag_of_the_first() -> None:
    one = provider(
        dialect={"reasoning_back": "exact"},
        variants=[
            {"models": ["claude-*"], "protocol": "anthropic", "dialect": {"thinking": "budget"}},
            {"models": ["*"], "dialect": {"effort": "thinking"}},
        ],
    )
    assert anthropic(one, "claude-x").thinking == "budget"
    assert one.target("x", "claude-x", {}).auth == "x-api-key"
    assert chat(one, "other").effort == "thinking"


def test_what_a_model_sees_follows_its_row() -> None:
    one = provider(models={"eyes": {"images": True}, "blind": {}})
    assert [chat(one, model).images for model in ("eyes", "blind", "unlisted")] == [True, False, True]


def test_a_model_that_does_not_think_is_not_told_how_deep() -> None:
    flags = {"effort": "thinking", "reasoning_back": "exact"}
    one = provider(dialect=flags, models={"m": {"reasoning": False}})
    assert (chat(one, "m").effort, chat(one, "m").reasoning_back) == ("none", "none")
    two = provider(protocol="anthropic", dialect={"thinking": "adaptive"}, models={"m": {"reasoning": False}})
    assert anthropic(two, "m").thinking == "none"


def test_a_models_own_efforts_stand_before_the_dialects() -> None:
    one = provider(dialect={"efforts": ["low", "high"]}, models={"m": {"efforts": ["max"]}})
    assert [chat(one, model).efforts for model in ("m", "other")] == [("max",), ("low", "high")]


def test_no_longer_answer_is_asked_for_than_the_model_gives() -> None:
    one = provider(dialect={"max_tokens": 32_000}, models={"small": {"output": 8_000}, "large": {"output": 64_000}})
    assert [chat(one, model).max_tokens for model in ("small", "large", "other")] == [8_000, 32_000, 32_000]
    assert chat(provider(models={"small": {"output": 8_000}}), "small").max_tokens is None


@pytest.mark.parametrize(
    ("asked", "name"),
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
def test_a_model_is_found_under_the_name_that_the_provider_gives_it(asked: str, name: str) -> None:
    one = provider(models={name: {} for name in ("deepseek/v4", "a/twice", "b/twice", "plain")})
    assert one.upstream_name("reseller", asked) == name


def test_globs_mind_case() -> None:
    assert matches(("glm-*",), "glm-5") and not matches(("glm-*",), "GLM-5")


@pytest.mark.parametrize("glob", ["", " a", "a[b"])
def test_a_glob_that_cannot_be_meant_is_refused(glob: str) -> None:
    with pytest.raises(ValidationError, match=r"glob|does not close"):
        provider(variants=[{"models": [glob]}])
