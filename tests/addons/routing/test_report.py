"""Descriptions of a routes file."""

from pathlib import Path

from addons.routing import config
from addons.routing.report import describe, describe_keys, warnings

ROUTES = """
[[routes]]
models = ["deepseek-*", "best"]
providers = ["deepseek", "openrouter", "ollama"]
model = { openrouter = "deepseek/deepseek-v4-pro" }

[[routes]]
models = ["deepseek-v4-pro", "gpt-*"]
providers = ["openai"]

[providers.openai]
key_env = []
auth = "client"
"""


def test_each_route_is_listed_with_its_providers_and_their_keys() -> None:
    assert describe(config.parse(ROUTES), {"OPENROUTER_API_KEY": "hidden"}) == [
        "deepseek-*, best -> deepseek: chat at https://api.deepseek.com/v1, DEEPSEEK_API_KEY missing",
        "deepseek-*, best -> openrouter as deepseek/deepseek-v4-pro: chat at https://openrouter.ai/api/v1, "
        "OPENROUTER_API_KEY set",
        "deepseek-*, best -> ollama: chat at http://127.0.0.1:11434/v1, no key needed",
        "deepseek-v4-pro, gpt-* -> openai: responses at https://api.openai.com/v1, the client's own credentials",
    ]


def test_without_routes_providers_with_a_key_come_first_and_the_others_in_one_line() -> None:
    first, *middle, last = describe(config.load(None), {"DEEPSEEK_API_KEY": "hidden", "ZAI_API_KEY_FILE": "/nowhere"})
    assert first.startswith("deepseek-v4-pro, ")
    assert first.endswith(", deepseek/* -> deepseek: chat at https://api.deepseek.com/v1, DEEPSEEK_API_KEY set")
    assert any(
        "-> zai: " in line
        and line.endswith("ZAI_API_KEY_FILE: the file that it names cannot be read (FileNotFoundError)")
        for line in middle
    )
    assert any(line == "ollama/* -> ollama: chat at http://127.0.0.1:11434/v1, no key needed" for line in middle)
    assert last.startswith(
        "no key is set for openai (OPENAI_API_KEY), anthropic (ANTHROPIC_API_KEY), gemini (GEMINI_API_KEY or "
    )
    assert "hidden" not in "".join([first, *middle, last])


def test_a_glob_that_an_earlier_route_covers_is_reported() -> None:
    assert warnings(config.parse(ROUTES)) == [
        "routes[1].models[0]: never reached, a route before it takes all of 'deepseek-v4-pro'"
    ]


def test_unencrypted_credentials_are_reported_but_not_on_the_local_network() -> None:
    table = '[providers.{}]\nprotocol = "chat"\nbase_url = "http://{}/v1"\nkey_env = "K"\n'
    text = "".join(
        table.format(f"p{i}", host) for i, host in enumerate(("far.example", "localhost", "10.0.0.2", "gpu"))
    )
    text += '[providers.keyless]\nprotocol = "chat"\nbase_url = "http://far.example/v1"\n'
    assert warnings(config.parse(text)) == ["providers.p0.base_url: credentials would travel unencrypted; use https"]


def test_models_that_no_route_leads_to_are_reported() -> None:
    table = '[providers.{}]\nprotocol = "chat"\nbase_url = "http://localhost"\nmodels = {{ {} }}\n'
    text = (
        '[[routes]]\nmodels = ["a*", "mine"]\nproviders = ["x"]\nmodel = { x = "renamed" }\n'
        + table.format("x", "a1 = {}, 'maker/a2' = {}, renamed = {}, b = {}, c = {}")
        + table.format("y", "a1 = {}")
    )
    assert warnings(config.parse(text)) == [
        "providers.x.models: no route leads to b, c",
        "providers.y.models: no route leads to a1",
    ]


def test_each_key_is_listed_by_its_last_characters_and_where_it_came_from(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("key-canary-of-a-file-1111\nshort\n")
    (tmp_path / "keys").chmod(0o600)
    environ = {
        "DEEPSEEK_API_KEY": "key-canary-first-abcd,key-canary-second-wxyz",
        "MOONSHOT_API_KEY_FILE": str(tmp_path / "keys"),
        "ZAI_CODING_API_KEY_FILE": "/nowhere",
        "ZHIPU_API_KEY": "key-canary-else-7890",
        "ZAI_API_KEY": " ",
    }
    lines = describe_keys(config.load(None), environ)
    assert lines == [
        "deepseek: ...abcd from DEEPSEEK_API_KEY",
        "deepseek: ...wxyz from DEEPSEEK_API_KEY",
        "deepseek-anthropic: ...abcd from DEEPSEEK_API_KEY",
        "deepseek-anthropic: ...wxyz from DEEPSEEK_API_KEY",
        "zai: ...7890 from ZHIPU_API_KEY",
        "zai-coding: ZAI_CODING_API_KEY_FILE: the file that it names cannot be read (FileNotFoundError)",
        "zai-anthropic: ...7890 from ZHIPU_API_KEY",
        "moonshot: ...1111 from MOONSHOT_API_KEY_FILE",
        "moonshot: ... from MOONSHOT_API_KEY_FILE",
    ]
    assert describe_keys(config.load(None), {}) == []


def test_of_several_keys_the_number_is_told() -> None:
    text = '[[routes]]\nmodels = "m"\nproviders = "x"\n[providers.x]\nprotocol = "chat"\nbase_url = "https://h"\n'
    router = config.parse(text + 'key_env = ["A", "B"]')
    assert describe(router, {"A": "1,2", "B": "3"}) == ["m -> x: chat at https://h, A, B set, 3 keys"]
    assert describe(router, {}) == ["m -> x: chat at https://h, A or B missing"]
