"""The list of models, as OpenAI's clients and Codex read it."""

import orjson
import pytest

from addons.endpoints import models
from addons.routing import config
from converters.jsontext import Json

ALL_KEYS = {name: "k" for provider in config.load(None).providers.values() for name in provider.variables}

REQUIRED = {
    *("slug", "display_name", "supported_reasoning_levels", "shell_type", "visibility", "supported_in_api", "priority"),
    *("support_verbosity", "truncation_policy", "experimental_supported_tools", "base_instructions"),
}
"""Fields that Codex 0.169 requires of each entry; if model lacks any, it rejects the whole list."""

CODEX_MAX_BYTES = 1 << 20


def listed(text: str = "", environ: dict[str, str] = ALL_KEYS) -> list[Json]:
    listed: list[Json] = models.model_list(config.parse(text), environ)["models"]
    return listed


def entry(slug: str, text: str = "") -> Json:
    (entry,) = (entry for entry in listed(text) if entry["slug"] == slug)
    return entry


def routed(provider: str, table: str = "") -> str:
    return f'[[routes]]\nmodels = ["m"]\nproviders = ["{provider}"]\n{table}'


def test_one_body_serves_all_clients() -> None:
    body = models.model_list(config.load(None), {"DEEPSEEK_API_KEY": "k"})
    assert body["object"] == "list"
    assert body["data"][0] == {"id": "deepseek-v4-pro", "object": "model", "created": 0, "owned_by": "deepseek"}
    assert [model["id"] for model in body["data"]] == [model["slug"] for model in body["models"]]


def test_without_any_key_the_list_is_empty() -> None:
    assert models.model_list(config.load(None), {}) == {"object": "list", "data": [], "models": []}


def test_every_entry_has_what_codex_requires() -> None:
    assert [model["slug"] for model in listed() if not model.keys() >= REQUIRED] == []
    assert [model["slug"] for model in listed() if not model["base_instructions"]] == []


def test_with_all_keys_the_body_is_within_codexs_limit() -> None:
    body = orjson.dumps(models.model_list(config.load(None), ALL_KEYS))
    assert len(listed()) > 100 and len(body) < CODEX_MAX_BYTES


def test_of_too_many_models_the_last_are_in_data_alone() -> None:
    rows = "\n".join(f'"m{i}" = {{}}' for i in range(1000))
    text = f'[providers.x]\nprotocol = "chat"\nbase_url = "https://h"\n[providers.x.models]\n{rows}'
    body = models.model_list(config.parse(text), {})
    assert (len(body["data"]), body["models"][0]["slug"]) == (1000, "m0")
    assert 100 < len(body["models"]) < 1000
    assert len(orjson.dumps(body)) < CODEX_MAX_BYTES


def test_the_same_routes_and_keys_give_the_same_bytes() -> None:
    bodies = {orjson.dumps(models.model_list(config.load(None), ALL_KEYS)) for _ in range(3)}
    assert len(bodies) == 1


def test_the_list_holds_no_key() -> None:
    environ = dict.fromkeys(ALL_KEYS, "hidden")
    assert b"hidden" not in orjson.dumps(models.model_list(config.load(None), environ))


def test_the_first_model_of_the_first_route_is_codexs_default() -> None:
    found = listed('[[routes]]\nmodels = ["fast", "glm-*"]\nproviders = ["zai"]\nmodel = "glm-5.2"')
    assert [(model["slug"], model["priority"]) for model in found[:2]] == [("fast", 0), ("glm-5.3", 1)]


def test_a_routes_own_name_has_the_window_of_its_model() -> None:
    text = '[[routes]]\nmodels = ["fast"]\nproviders = ["zai"]\nmodel = "glm-4.7"'
    assert (entry("fast", text)["context_window"], entry("fast", text)["description"]) == (204_800, "glm-4.7 at zai")


def test_an_unknown_window_is_assumed_to_be_small() -> None:
    assert entry("m", routed("ollama"))["context_window"] == 128_000


@pytest.mark.parametrize(
    ("slug", "modalities"), [("glm-5.2", ["text"]), ("glm-5v-turbo", ["text", "image"]), ("gpt-5.5", ["text", "image"])]
)
def test_images_are_a_modality_of_models_that_take_them(slug: str, modalities: list[str]) -> None:
    assert entry(slug)["input_modalities"] == modalities


@pytest.mark.parametrize(
    ("slug", "efforts", "default"),
    [
        ("deepseek-v4-pro", ["none", "low", "high", "max"], "high"),
        ("glm-5.3", ["low", "high", "max"], "high"),
        ("glm-5.1", ["none", "medium"], "medium"),
        ("kimi-k2.7-code", ["medium"], "medium"),
        ("grok-4.3", ["medium"], "medium"),
        ("claude-haiku-4-5", ["none", "low", "medium", "high", "max"], "medium"),
        ("gpt-5.5", ["none", "low", "medium", "high", "xhigh"], "medium"),
        ("qwen3-coder-plus", ["none"], "none"),
    ],
)
def test_the_picker_has_the_models_reasoning_levels(slug: str, efforts: list[str], default: str) -> None:
    levels = entry(slug)["supported_reasoning_levels"]
    assert [model["effort"] for model in levels] == efforts
    assert entry(slug)["default_reasoning_level"] == default
    assert all(model["description"] for model in levels)


def test_the_picker_is_never_empty() -> None:
    assert [model["slug"] for model in listed() if not model["supported_reasoning_levels"]] == []
    default = {model["slug"]: model["default_reasoning_level"] for model in listed()}
    levels = {model["slug"]: [level["effort"] for level in model["supported_reasoning_levels"]] for model in listed()}
    assert [slug for slug in default if default[slug] not in levels[slug]] == []


def test_compaction_begins_while_a_response_still_fits() -> None:
    late = [
        model["slug"] for model in listed() if model["auto_compact_token_limit"] > model["context_window"] * 9 // 10
    ]
    assert late == []
    assert entry("claude-haiku-4-5")["auto_compact_token_limit"] == 200_000 - 32_000 - 4_000


def test_compaction_never_begins_below_half_of_the_window() -> None:
    table = "[providers.ollama]\ndialect = { max_tokens = 8000 }\nmodels = { m = { context = 8000 } }"
    assert entry("m", routed("ollama", table))["auto_compact_token_limit"] == 4_000


def test_apply_patch_is_a_free_form_tool_or_none() -> None:
    assert {model["apply_patch_tool_type"] for model in listed()} == {"freeform"}
    refused = entry("m", routed("openai", "[providers.openai]\ndialect = { downgrade_custom = true }"))
    assert "apply_patch_tool_type" not in refused


def test_verbosity_is_listed_where_the_dialect_has_it() -> None:
    assert not entry("m", routed("ollama"))["support_verbosity"]
    assert entry("m", routed("ollama", "[providers.ollama]\ndialect = { verbosity = true }"))["support_verbosity"]


def test_codex_uses_its_plain_tools() -> None:
    plain = {"shell_type": "unified_exec", "tool_mode": "direct", "use_responses_lite": False}
    plain |= {"supports_search_tool": False, "truncation_policy": {"mode": "tokens", "limit": 10_000}}
    assert [model["slug"] for model in listed() if not plain.items() <= model.items()] == []


def test_sizes_listed_under_the_routes_own_name_count_as_well() -> None:
    table = '[providers.x]\nprotocol = "chat"\nbase_url = "https://h"\nmodels = { m = { context = 200_000, images = true } }'
    text = routed("x", f'model = "what-it-is-called-there"\n{table}')
    assert (entry("m", text)["context_window"], entry("m", text)["input_modalities"]) == (200_000, ["text", "image"])
