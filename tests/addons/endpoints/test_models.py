"""The list of models, as OpenAI's clients and Codex read it."""

import orjson
import pytest

from addons.endpoints import models
from addons.routing import config
from converters.jsontext import Json

ALL = {name: "k" for one in config.load(None).providers.values() for name in one.key_env}

REQUIRED = {
    *("slug", "display_name", "supported_reasoning_levels", "shell_type", "visibility", "supported_in_api", "priority"),
    *("support_verbosity", "truncation_policy", "experimental_supported_tools", "base_instructions"),
}
"""What Codex 0.169 demands of each entry; one without drops the whole list."""

CODEX_READS_AT_MOST = 1 << 20


def listed(text: str = "", environ: dict[str, str] = ALL) -> list[Json]:
    listed: list[Json] = models.catalog(config.parse(text), environ)["models"]
    return listed


def entry(slug: str, text: str = "") -> Json:
    (found,) = (one for one in listed(text) if one["slug"] == slug)
    return found


def routed(provider: str, table: str = "") -> str:
    return f'[[routes]]\nmodels = ["m"]\nproviders = ["{provider}"]\n{table}'


def test_one_body_serves_everybody() -> None:
    body = models.catalog(config.load(None), {"DEEPSEEK_API_KEY": "k"})
    assert body["object"] == "list"
    assert body["data"][0] == {"id": "deepseek-v4-pro", "object": "model", "created": 0, "owned_by": "deepseek"}
    assert [one["id"] for one in body["data"]] == [one["slug"] for one in body["models"]]


def test_without_any_key_there_is_nothing_to_list() -> None:
    assert models.catalog(config.load(None), {}) == {"object": "list", "data": [], "models": []}


def test_no_entry_lacks_what_codex_demands() -> None:
    assert [one["slug"] for one in listed() if not one.keys() >= REQUIRED] == []
    assert [one["slug"] for one in listed() if not one["base_instructions"]] == []


def test_with_every_key_there_is_the_body_fits_into_what_codex_reads() -> None:
    body = orjson.dumps(models.catalog(config.load(None), ALL))
    assert len(listed()) > 100 and len(body) < CODEX_READS_AT_MOST


def test_a_body_of_too_many_models_keeps_the_first_and_lists_the_rest_as_data() -> None:
    rows = "\n".join(f'"m{i}" = {{}}' for i in range(1000))
    text = f'[providers.x]\nprotocol = "chat"\nbase_url = "https://h"\n[providers.x.models]\n{rows}'
    body = models.catalog(config.parse(text), {})
    assert (len(body["data"]), body["models"][0]["slug"]) == (1000, "m0")
    assert 100 < len(body["models"]) < 1000
    assert len(orjson.dumps(body)) < CODEX_READS_AT_MOST


def test_the_same_routes_and_keys_give_the_same_bytes() -> None:
    bodies = {orjson.dumps(models.catalog(config.load(None), ALL)) for _ in range(3)}
    assert len(bodies) == 1


def test_no_key_is_in_it() -> None:
    environ = dict.fromkeys(ALL, "hidden")
    assert b"hidden" not in orjson.dumps(models.catalog(config.load(None), environ))


def test_the_first_model_of_the_first_route_is_what_codex_takes_by_default() -> None:
    found = listed('[[routes]]\nmodels = ["fast", "glm-*"]\nproviders = ["zai"]\nmodel = "glm-5.2"')
    assert [(one["slug"], one["priority"]) for one in found[:2]] == [("fast", 0), ("glm-5.3", 1)]


def test_a_routes_own_name_has_the_size_of_the_model_behind_it() -> None:
    text = '[[routes]]\nmodels = ["fast"]\nproviders = ["zai"]\nmodel = "glm-4.7"'
    assert (entry("fast", text)["context_window"], entry("fast", text)["description"]) == (204_800, "glm-4.7 at zai")


def test_an_unknown_window_is_taken_for_a_small_one() -> None:
    assert entry("m", routed("ollama"))["context_window"] == 128_000


@pytest.mark.parametrize(
    ("slug", "modalities"), [("glm-5.2", ["text"]), ("glm-5v-turbo", ["text", "image"]), ("gpt-5.5", ["text", "image"])]
)
def test_a_model_is_shown_pictures_only_if_it_can_see(slug: str, modalities: list[str]) -> None:
    assert entry(slug)["input_modalities"] == modalities


@pytest.mark.parametrize(
    ("slug", "efforts", "usual"),
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
def test_the_picker_offers_the_depths_that_the_model_knows(slug: str, efforts: list[str], usual: str) -> None:
    levels = entry(slug)["supported_reasoning_levels"]
    assert [one["effort"] for one in levels] == efforts
    assert entry(slug)["default_reasoning_level"] == usual
    assert all(one["description"] for one in levels)


def test_the_picker_is_never_empty() -> None:
    assert [one["slug"] for one in listed() if not one["supported_reasoning_levels"]] == []
    usual = {one["slug"]: one["default_reasoning_level"] for one in listed()}
    offered = {one["slug"]: [level["effort"] for level in one["supported_reasoning_levels"]] for one in listed()}
    assert [slug for slug in usual if usual[slug] not in offered[slug]] == []


def test_compaction_begins_while_an_answer_still_fits() -> None:
    late = [one["slug"] for one in listed() if one["auto_compact_token_limit"] > one["context_window"] * 9 // 10]
    assert late == []
    assert entry("claude-haiku-4-5")["auto_compact_token_limit"] == 200_000 - 32_000 - 4_000


def test_an_answer_as_long_as_the_window_leaves_half_of_it_to_the_question() -> None:
    table = "[providers.ollama]\ndialect = { max_tokens = 8000 }\nmodels = { m = { context = 8000 } }"
    assert entry("m", routed("ollama", table))["auto_compact_token_limit"] == 4_000


def test_apply_patch_is_a_free_form_tool_or_none() -> None:
    assert {one["apply_patch_tool_type"] for one in listed()} == {"freeform"}
    refused = entry("m", routed("openai", "[providers.openai]\ndialect = { downgrade_custom = true }"))
    assert "apply_patch_tool_type" not in refused


def test_verbosity_is_offered_where_the_dialect_knows_it() -> None:
    assert not entry("m", routed("ollama"))["support_verbosity"]
    assert entry("m", routed("ollama", "[providers.ollama]\ndialect = { verbosity = true }"))["support_verbosity"]


def test_codex_uses_its_plain_tools() -> None:
    plain = {"shell_type": "unified_exec", "tool_mode": "direct", "use_responses_lite": False}
    plain |= {"supports_search_tool": False, "truncation_policy": {"mode": "tokens", "limit": 10_000}}
    assert [one["slug"] for one in listed() if not plain.items() <= one.items()] == []


def test_sizes_that_stand_under_the_name_that_a_route_gives_count_as_well() -> None:
    table = '[providers.x]\nprotocol = "chat"\nbase_url = "https://h"\nmodels = { m = { context = 200_000, images = true } }'
    text = routed("x", f'model = "what-it-is-called-there"\n{table}')
    assert (entry("m", text)["context_window"], entry("m", text)["input_modalities"]) == (200_000, ["text", "image"])
