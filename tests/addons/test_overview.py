"""Lines for people."""

from addons import config
from addons.overview import oddities, show

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
"""


def test_the_table_tells_who_answers_and_which_keys_are_there() -> None:
    assert show(config.parse(ROUTES), {"OPENROUTER_API_KEY": "hidden"}) == [
        "model                   provider                                protocol   address                       key",
        "deepseek-*, best        deepseek                                chat       https://api.deepseek.com/v1   "
        "DEEPSEEK_API_KEY missing",
        "                        openrouter as deepseek/deepseek-v4-pro  chat       https://openrouter.ai/api/v1  "
        "OPENROUTER_API_KEY set",
        "                        ollama                                  chat       http://127.0.0.1:11434/v1     "
        "none needed",
        "deepseek-v4-pro, gpt-*  openai                                  responses  https://api.openai.com/v1     "
        "the client's own",
    ]


def test_without_routes_the_table_tells_what_the_providers_would_serve() -> None:
    lines = show(config.load(None), {"DEEPSEEK_API_KEY": "hidden", "ZAI_API_KEY_FILE": "/nowhere"})
    assert any("deepseek/*" in line and line.endswith("DEEPSEEK_API_KEY set") for line in lines)
    assert any("ZAI_API_KEY_FILE: /nowhere cannot be read" in line for line in lines)
    assert any(line.startswith("ollama/*") and line.endswith("none needed") for line in lines)
    assert "hidden" not in "".join(lines)


def test_a_glob_that_an_earlier_route_takes_whole_is_told() -> None:
    assert oddities(config.parse(ROUTES)) == [
        "routes[1].models[0]: never reached, a route before it takes all of 'deepseek-v4-pro'"
    ]


def test_credentials_in_the_clear_are_told_but_not_on_ones_own_network() -> None:
    table = '[providers.{}]\nprotocol = "chat"\nbase_url = "http://{}/v1"\nkey_env = "K"\n'
    text = "".join(
        table.format(f"p{i}", host) for i, host in enumerate(("far.example", "localhost", "10.0.0.2", "gpu"))
    )
    assert oddities(config.parse(text)) == ["providers.p0.base_url: credentials would travel unencrypted; use https"]


def test_models_that_no_route_leads_to_are_told() -> None:
    table = '[providers.{}]\nprotocol = "chat"\nbase_url = "http://localhost"\nmodels = {{ {} }}\n'
    text = (
        '[[routes]]\nmodels = ["a*", "mine"]\nproviders = ["x"]\nmodel = { x = "renamed" }\n'
        + table.format("x", "a1 = {}, 'maker/a2' = {}, renamed = {}, b = {}, c = {}")
        + table.format("y", "a1 = {}")
    )
    assert oddities(config.parse(text)) == [
        "providers.x.models: no route leads to b, c",
        "providers.y.models: no route leads to a1",
    ]
