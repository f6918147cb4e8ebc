"""Whose limits a request is under."""

from addons.rate_limits.scope import Scope, estimated_tokens, route_scope, scopes
from addons.routing.account import fingerprint
from addons.routing.provider import Provider
from addons.routing.rate_limits import RateLimits

KEY = "key-canary-of-one-key-9876"
ENVIRON = {"K": f"{KEY},second-key-of-it"}


def found(**limits: object) -> tuple[Scope, ...]:
    table = {"protocol": "chat", "base_url": "https://acme.example/v1", "key_env": "K", **limits}
    return scopes(Provider.model_validate(table).endpoint("acme", "m", ENVIRON), KEY)


def test_without_limits_there_are_none() -> None:
    assert found() == ()


def test_a_provider_and_its_key_have_a_scope_each() -> None:
    provider, key = found(limits={"concurrent": 4}, key_limits={"daily_usd": 1.5})
    assert provider == Scope("provider acme", RateLimits(concurrent=4), "the provider acme")
    assert key.limits == RateLimits(daily_usd=1.5)
    assert key.name == f"key acme {fingerprint(KEY)}" and key.label == "the key ...9876 of acme"
    assert "canary" not in repr(key)


def test_a_provider_without_a_key_has_no_limits_of_one() -> None:
    table = {"protocol": "chat", "base_url": "http://localhost/v1", "key_limits": {"concurrent": 1}}
    assert scopes(Provider.model_validate(table).endpoint("mine", "m", {})) == ()


def test_a_routes_scope_bears_its_name() -> None:
    limits = RateLimits(requests_per_minute=3)
    assert route_scope("gpt-*, o3", limits) == Scope("route gpt-*, o3", limits, "the route gpt-*, o3")


def test_tokens_are_estimated_by_the_size_of_the_request() -> None:
    assert estimated_tokens(b"x" * 4000) == 1000
