"""The routes file, merged over the shipped providers."""

from pathlib import Path

import pytest

from addons.routing import config
from addons.routing.config import ConfigError
from addons.routing.price import Price
from addons.routing.provider import Provider, matches
from addons.routing.rate_limits import RateLimits
from converters.anthropic.dialect import AnthropicDialect
from converters.chat.dialect import ChatDialect
from converters.protocols import PROTOCOLS

SHIPPED = config.load(None).providers


def dialect(router: config.Router, provider: str, model: str) -> ChatDialect | AnthropicDialect:
    found = router.providers[provider].endpoint(provider, model, {}).upstream.dialect
    assert isinstance(found, ChatDialect | AnthropicDialect)
    return found


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_provider_serves_each_of_its_models(name: str) -> None:
    provider = SHIPPED[name]
    endpoints = [provider.endpoint(name, model, {}) for model in (*provider.models, "unlisted")]
    assert {endpoint.upstream.protocol for endpoint in endpoints} <= PROTOCOLS.keys()
    assert all(
        type(endpoint.upstream.dialect) is PROTOCOLS[endpoint.upstream.protocol].dialect for endpoint in endpoints
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_provider_is_consistent(name: str) -> None:
    provider = SHIPPED[name]
    is_local = provider.auth == "none"
    assert provider.base_url.startswith("http://127.0.0.1:" if is_local else "https://")
    assert is_local != bool(provider.key_env) and is_local != bool(provider.models)
    unused = [variant.models for variant in provider.variants if not _matches_any(variant.models, provider)]
    assert unused == [], "these variants match none of its models"
    unknown = [name for name, model in provider.models.items() if model.context is None]
    assert unknown == [], "without a window Codex compacts at the wrong time"


def _matches_any(globs: tuple[str, ...], provider: Provider) -> bool:
    return any(matches((glob,), model) for glob in globs for model in provider.models)


@pytest.mark.parametrize("provider", ["anthropic", "opencode"])
@pytest.mark.parametrize(
    ("model", "thinking", "can_be_off"),
    [
        ("claude-haiku-4-5", "budget", True),
        ("claude-sonnet-4-5-20250929", "budget", True),
        ("claude-opus-4-20250514", "budget", True),
        ("claude-sonnet-4-6", "adaptive", True),
        ("claude-opus-4-8", "adaptive", True),
        ("claude-sonnet-5", "adaptive", False),
        ("claude-fable-5-1", "adaptive", False),
    ],
)
def test_the_dialect_of_each_claude_fits_its_way_of_thinking(
    provider: str, model: str, thinking: str, can_be_off: bool
) -> None:
    claude = dialect(config.load(None), provider, model)
    assert isinstance(claude, AnthropicDialect)
    assert (claude.thinking, claude.thinking_off) == (thinking, can_be_off)
    assert claude.interleaved_beta == (provider == "anthropic" and thinking == "budget")


def test_no_file_means_the_shipped_providers_and_no_routes() -> None:
    assert config.load(None).routes == () and "deepseek" in SHIPPED


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "routes.toml"
    path.write_text('[[routes]]\nmodels = ["a"]\nproviders = ["zai"]\n')
    assert [route.models for route in config.load(path).routes] == [("a",)]


def test_a_users_table_is_merged_over_the_shipped_one() -> None:
    router = config.parse('[providers.deepseek]\nbase_url = "https://mirror.example/v1"\nidle = 9')
    mine, shipped = router.providers["deepseek"], SHIPPED["deepseek"]
    assert (mine.base_url, mine.idle) == ("https://mirror.example/v1", 9)
    assert (mine.key_env, mine.models, mine.dialect) == (shipped.key_env, shipped.models, shipped.dialect)


def test_a_users_model_is_added_to_the_shipped_ones() -> None:
    router = config.parse('[providers.deepseek.models]\n"new" = { context = 9 }\n"deepseek-v4-pro" = { context = 8 }')
    models = router.providers["deepseek"].models
    assert (models["new"].context, models["deepseek-v4-pro"].context) == (9, 8)
    assert models.keys() == SHIPPED["deepseek"].models.keys() | {"new"}


def test_what_a_user_says_of_a_shipped_model_is_merged_over_what_is_known() -> None:
    router = config.parse('[providers.deepseek.models]\n"deepseek-v4-pro" = { price = { input = 1, output = 2.5 } }')
    known, shipped = (table["deepseek"].models["deepseek-v4-pro"] for table in (router.providers, SHIPPED))
    assert known == shipped.model_copy(update={"price": Price(input=1, output=2.5)})


def test_keys_of_ones_own_replace_all_shipped_variables() -> None:
    router = config.parse('[providers.zai]\nkey_env = ["MY_KEY"]\n[providers.gemini]\nkey_env = []\nauth = "client"')
    assert router.providers["zai"].variables == ("MY_KEY",)
    assert router.providers["gemini"].auth == "client"
    assert config.parse("[providers.zai]\nidle = 9").providers["zai"].variables == SHIPPED["zai"].variables


def test_no_shipped_provider_uses_two_variables_at_once() -> None:
    """They are names of the same key, or keys of another plan."""
    assert [name for name, provider in SHIPPED.items() if len(provider.key_env) > 1] == []


def test_shipped_prices_are_such_as_providers_have() -> None:
    prices = {
        f"{name}/{model}": known.price
        for name, provider in SHIPPED.items()
        for model, known in provider.models.items()
        if known.price
    }
    assert len(prices) > 250
    assert [name for name, price in prices.items() if price.output < price.input] == []
    assert [name for name, price in prices.items() if (price.cached or 0) > price.input] == []
    assert [name for name, price in prices.items() if (price.cache_write or 0) > 4 * price.input] == []


def test_limits_are_read_with_their_place_in_errors() -> None:
    router = config.parse("[providers.zai]\nlimits = { concurrent = 4 }\nkey_limits = { daily_usd = 0.5 }")
    (endpoint,) = router.endpoints("zai/glm-5.3", {"ZAI_API_KEY": "k"})
    assert (endpoint.limits, endpoint.key_limits) == (RateLimits(concurrent=4), RateLimits(daily_usd=0.5))
    with pytest.raises(config.ConfigError, match=r"providers\.zai\.limits\.concurent: unknown key \(did you mean"):
        config.parse("[providers.zai]\nlimits = { concurent = 4 }")


def test_a_users_flag_applies_to_all_models_and_leaves_the_other_flags() -> None:
    router = config.parse('[providers.fireworks.dialect]\nreasoning_back = "none"')
    kimi = dialect(router, "fireworks", "accounts/fireworks/models/kimi-k2p7-code")
    assert isinstance(kimi, ChatDialect)
    assert (kimi.reasoning_back, kimi.call_ids, kimi.effort) == ("none", "indexed", "reasoning_effort")


def test_a_users_variant_wins_over_the_users_flags() -> None:
    router = config.parse(
        '[providers.fireworks]\ndialect = { reasoning_back = "none" }\n'
        'variants = [{ models = ["*kimi*"], dialect = { reasoning_back = "exact" } }]'
    )
    kimi = dialect(router, "fireworks", "accounts/fireworks/models/kimi-k2p7-code")
    assert isinstance(kimi, ChatDialect) and kimi.reasoning_back == "exact"


def test_with_another_protocol_the_shipped_dialect_is_dropped() -> None:
    router = config.parse(
        '[providers.moonshot]\nprotocol = "anthropic"\nbase_url = "https://api.moonshot.ai/anthropic"'
    )
    assert dialect(router, "moonshot", "kimi-k2.6") == AnthropicDialect(images=True)


def test_a_local_server_can_be_given_a_key() -> None:
    router = config.parse('[providers.vllm]\nkey_env = ["VLLM_API_KEY"]')
    assert router.providers["vllm"].endpoint("vllm", "m", {"VLLM_API_KEY": "k"}).keys == ("k",)


ROUTE = '[[routes]]\nmodels = ["a"]\nproviders = ["zai"]\n'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a =", "not TOML: Invalid value (at end of document)"),
        ("routes = 1", "routes: must be written as [[routes]]"),
        ("[routes]", "routes: must be written as [[routes]]"),
        ("providers = []", "providers: must be written as [providers.NAME]"),
        ("[[route]]", "route: unknown key (did you mean routes?)"),
        ('[[routes]]\nproviders = ["zai"]', "routes[0].models: is missing"),
        (
            '[[routes]]\nmodels = []\nproviders = ["zai"]',
            "routes[0].models: Value should have at least 1 item after validation, not 0",
        ),
        (
            '[[routes]]\nmodels = ["a["]\nproviders = ["zai"]',
            "routes[0].models[0]: 'a[' opens a [ that it does not close; write [[] for the character itself",
        ),
        (
            '[[routes]]\nmodels = ["\\u001b[2J"]\nproviders = ["zai"]',
            "routes[0].models[0]: must be neither empty nor hold a line break or another control character",
        ),
        (
            '[[routes]]\nmodels = ["a"]\nproviders = ["zai"]\nmodel = "a\\nb"',
            "routes[0].model: must be neither empty nor hold a line break or another control character",
        ),
        (
            '[[routes]]\nmodels = ["a"]\nproviders = ["zai"]\nmodel = 5',
            "routes[0].model: must be a name, or a table with a name for each provider",
        ),
        (
            '[providers."x\\u001b[2J"]\nprotocol = "chat"',
            "providers.x\\x1b[2J: its name must be neither empty nor hold a line break or another control character",
        ),
        ('"\\u001b[2J" = 1', "\\x1b[2J: unknown key; known: routes, providers"),
        ('[providers.zai]\nkey_env = { A = "b" }', "providers.zai.key_env: must be a name, or a list of names"),
        ("[providers.zai]\nidle = true", "providers.zai.idle: Input should be a valid number"),
        (
            "[providers.zai.models.a]\ncontext = 9223372036854775808",
            "providers.zai.models.a.context: Input should be less than 9007199254740992",
        ),
        (
            '[providers.zai]\nbase_url = "http://a\\nb"',
            "providers.zai.base_url: not an address; it holds a line break or another control character",
        ),
        (
            '[[routes]]\nmodels = ["a"]\nproviders = ["zai", "deepsek"]',
            "routes[0].providers[1]: unknown name (did you mean deepseek?)",
        ),
        (
            '[[routes]]\nmodels = ["a"]\nproviders = ["zai"]\nmodel = { deepseek = "b" }',
            "routes[0].model.deepseek: unknown name; known: zai",
        ),
        (
            f'{ROUTE}policy = "fast"',
            "routes[0].policy: Input should be 'in-order', 'fastest', 'cheapest' or 'weighted'",
        ),
        (f"{ROUTE}weights = {{ zai = 2 }}", 'routes[0].weights: have a meaning with policy = "weighted" alone'),
        (f'{ROUTE}policy = "weighted"\nweights = {{ zai = -1 }}', "routes[0].weights.zai: Input should be greater"),
        (f'{ROUTE}policy = "weighted"\nweights = {{ zai = inf }}', "routes[0].weights.zai: Input should be a finite"),
        (
            f'{ROUTE}policy = "weighted"\nweights = {{ deepseek = 2 }}',
            "routes[0].weights.deepseek: unknown name; known: zai",
        ),
        (f"{ROUTE}retry = {{ attempts = 0 }}", "routes[0].retry.attempts: Input should be greater than or equal to 1"),
        (f'{ROUTE}retry = {{ wait = "20" }}', "routes[0].retry.wait: Input should be a valid number"),
        (f"{ROUTE}retry = {{ seconds = nan }}", "routes[0].retry.seconds: Input should be"),
        (f"{ROUTE}retry = {{ atempts = 1 }}", "routes[0].retry.atempts: unknown key (did you mean attempts?)"),
        (f"{ROUTE}retry = 3", "routes[0].retry: "),
        (f"{ROUTE}limits = {{ concurrent = 0 }}", "routes[0].limits.concurrent: Input should be greater than 0"),
        (f"{ROUTE}limits = {{ daily_usd = -1 }}", "routes[0].limits.daily_usd: Input should be greater than 0"),
        (f"{ROUTE}limits = {{ rpm = 1 }}", "routes[0].limits.rpm: unknown key"),
        ("[providers]\nx = 1", "providers.x: must be a table"),
        ('[providers.x]\nprotocol = "chat"', "providers.x.base_url: is missing"),
        (
            '[providers.x]\nprotocol = "chatt"\nbase_url = "https://h"',
            "providers.x.protocol: unknown name (did you mean chat?)",
        ),
        (
            "[providers.deepseek.dialect]\nreasoning_bak = 1",
            "providers.deepseek.dialect.reasoning_bak: unknown key (did you mean reasoning_back?)",
        ),
        (
            '[[providers.deepseek.variants]]\nmodels = ["*"]\ndialect = { cache = true }\nprotocol = "chat"',
            "providers.deepseek.variants[0].dialect.cache: unknown key",
        ),
        (
            '[providers.deepseek]\nauth = "none"',
            'providers.deepseek: auth = "none" needs no key_env; leave one of them out',
        ),
    ],
)
def test_an_error_is_reported_with_its_place(text: str, line: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config.parse(text)
    assert refused.value.lines[0].startswith(line)
    assert str(refused.value) == "; ".join(refused.value.lines)


PASTED = "sk-canary-1234567890abcdef"  # pragma: allowlist secret


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (f'key_env = "{PASTED}"', "providers.x.key_env[0]"),
        (f'key_env = ["ACME_KEY", "{PASTED}"]', "providers.x.key_env[1]"),
        (f'auth = "{PASTED}"', "providers.x.auth"),
        (f'idle = "{PASTED}"', "providers.x.idle"),
        (f'headers = {{ "Authorization {PASTED}" = "x" }}', "providers.x.headers"),
        (f'headers = {{ X-Api-Token = "{PASTED}\\n" }}', "providers.x.headers"),
        (f'base_url = "https://h:{PASTED}/"', "providers.x.base_url"),
        (f'base_url = "https://h/?key={PASTED}"', "providers.x.base_url"),
        (f'protocol = "{PASTED}"', "providers.x.protocol"),
        (f'dialect = {{ effort = "{PASTED}" }}', "providers.x.dialect.effort"),
    ],
)
def test_a_key_that_was_pasted_into_the_file_is_refused_and_not_repeated(line: str, place: str) -> None:
    good = {"protocol": 'protocol = "chat"', "base_url": 'base_url = "https://h"'}
    rest = [text for key, text in good.items() if not line.startswith(key)]
    with pytest.raises(ConfigError) as refused:
        config.parse("\n".join(["[providers.x]", *rest, line]))
    (error,) = refused.value.lines
    assert error.startswith(f"{place}: ")
    assert "canary" not in error


def test_a_file_that_is_not_utf8_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "routes.toml"
    path.write_bytes(b'[[routes]]\nmodels = ["\xff"]')
    with pytest.raises(ConfigError, match="not UTF-8: invalid start byte at byte 22"):
        config.load(path)


def test_check_says_that_a_file_is_good_and_warns(tmp_path: Path) -> None:
    path = tmp_path / "routes.toml"
    path.write_text('[[routes]]\nmodels = ["*"]\nproviders = ["zai"]\n[[routes]]\nmodels = ["a"]\nproviders = ["zai"]')
    assert config.check(path) == [
        f"{path}: good, with 2 routes",
        "routes[1].models[0]: never reached, a route before it takes all of 'a'",
    ]
    assert config.check(None) == ["no routes file: good, with 0 routes"]


def test_check_lists_every_error_and_never_raises(tmp_path: Path) -> None:
    path = tmp_path / "routes.toml"
    assert config.check(path) == [f"{path}: cannot be read (FileNotFoundError)"]
    path.write_text("[providers.x]\nidle = 0")
    assert len(config.check(path)) == 3


@pytest.mark.parametrize(
    ("dialect", "effort", "back", "parallel"),
    [
        ("", "reasoning_effort", "text", True),
        ("dialect = {}", "none", "none", False),
        ("dialect = { images = false }", "none", "none", False),
        ('models = { "m-1" = { reasoning = false } }', "none", "none", True),
    ],
)
def test_a_provider_of_which_nothing_is_known_gets_what_most_take(
    dialect: str, effort: str, back: str, parallel: bool
) -> None:
    """What it refuses of that is learned; a user who says anything of its dialect says all of it."""
    text = f'[providers.acme]\nprotocol = "chat"\nbase_url = "https://acme.example/v1"\n{dialect}'
    endpoint = config.parse(text).providers["acme"].endpoint("acme", "m-1", {})
    flags = endpoint.upstream.dialect.model_dump()
    assert (flags["effort"], flags["reasoning_back"], flags["parallel_tool_calls"]) == (effort, back, parallel)


def test_a_shipped_provider_has_its_own_dialect() -> None:
    text = '[providers.openai]\nbase_url = "https://proxy.example/v1"\n[providers.zai]\nbase_url = "https://z.example"'
    mine, shipped = config.parse(text).providers["zai"], config.parse("").providers["zai"]
    assert mine.dialect == shipped.dialect
