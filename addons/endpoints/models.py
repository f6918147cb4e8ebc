"""The list of models, one body for all clients: OpenAI's `data`, and `models`, from which Codex reads metadata.

Codex replaces its own list by it, or rejects it whole if one entry lacks a required field. The effect of each field was
measured with Codex 0.169 (`codex debug models` shows the list as Codex parsed it).

| ModelInfo                               | from                                                                       |
|-----------------------------------------|----------------------------------------------------------------------------|
| slug, display_name, priority            | the name in a route or a provider's list, in their order                   |
| base_instructions                       | `base_instructions.md`, instead of Codex's own 17 kB; required             |
| supported_reasoning_levels, default_... | the dialect's choices; never empty, since the picker would hang            |
| context_window, auto_compact_...        | the model's window, and where to compact so that a response still fits     |
| input_modalities                        | without `image` Codex replaces images, and view_image explains its failure |
| apply_patch_tool_type                   | `freeform`, or absent if custom tools are refused; Codex knows no other    |
| shell_type, truncation_policy, ...      | the same for all: plain tools, no code mode, no tool search                |
"""

from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path

import orjson

from addons.routing.router import ListedModel, Router
from converters.dialect import Effort
from converters.jsontext import Json

_MAX_BYTES = 900_000
"""Codex reads 1 MiB at most. Models beyond this limit are in `data` alone."""

_DEFAULT_WINDOW = 128_000  # tokens
"""Where none is known. Too small compacts early; too large makes the upstream refuse the whole thread."""

_EFFORT_DESCRIPTIONS: dict[Effort, str] = {
    "none": "No thinking",
    "minimal": "Hardly any thinking",
    "low": "Quick answers with little thinking",
    "medium": "A balance of speed and depth",
    "high": "Thorough thinking for hard problems",
    "xhigh": "Very thorough thinking, slow",
    "max": "As much thinking as the model can",
}


def model_list(router: Router, environ: Mapping[str, str]) -> Json:
    """The body for GET /v1/models: all models that can be requested now. Equal routes and keys give equal bytes."""
    listed_models = router.listed_models(environ)
    data = [
        {
            "id": listed_model.slug,
            "object": "model",
            "created": 0,
            "owned_by": listed_model.endpoint.upstream.provider_name,
        }
        for listed_model in listed_models
    ]
    return {"object": "list", "data": data, "models": _within_limit(listed_models, len(orjson.dumps(data)))}


def _within_limit(listed_models: list[ListedModel], used_bytes: int) -> list[Json]:
    models: list[Json] = []
    for priority, listed_model in enumerate(listed_models):
        entry = _model_info(listed_model, priority)
        used_bytes += len(orjson.dumps(entry)) + 1
        if used_bytes > _MAX_BYTES:
            break
        models.append(entry)
    return models


def _model_info(listed_model: ListedModel, priority: int) -> Json:
    upstream, model = listed_model.endpoint.upstream, listed_model.model
    levels = _levels(listed_model)
    window = model.context or _DEFAULT_WINDOW
    entry = {
        "slug": listed_model.slug,
        "display_name": listed_model.slug,
        "description": f"{upstream.model} at {upstream.provider_name}",
        "priority": priority,
        "visibility": "list",
        "supported_in_api": True,
        "base_instructions": _instructions(),
        "supported_reasoning_levels": [{"effort": level, "description": text} for level, text in levels.items()],
        "default_reasoning_level": _default_level(levels),
        "support_verbosity": bool(getattr(upstream.dialect, "verbosity", False)),
        "context_window": window,
        "max_context_window": window,
        "auto_compact_token_limit": _compact_limit(window, upstream.dialect.max_tokens),
        "input_modalities": ["text", "image"] if upstream.dialect.images and model.images else ["text"],
        "shell_type": "unified_exec",
        "truncation_policy": {"mode": "tokens", "limit": 10_000},
        "tool_mode": "direct",
        "use_responses_lite": False,
        "supports_search_tool": False,
        "include_skills_usage_instructions": True,
        "include_plugin_usage_instructions": True,
        "experimental_supported_tools": [],
    }
    if not getattr(upstream.dialect, "downgrade_custom", False):
        entry["apply_patch_tool_type"] = "freeform"
    return entry


def _levels(listed_model: ListedModel) -> dict[Effort, str]:
    """The reasoning levels for Codex's picker, with their descriptions."""
    if not listed_model.model.reasoning:
        return {"none": "This model does not think"}
    choices = listed_model.endpoint.upstream.dialect.choices()
    return {effort: _EFFORT_DESCRIPTIONS[effort] for effort in choices} or {
        "medium": "As deep as the model itself decides"
    }


def _default_level(levels: Collection[Effort]) -> Effort:
    """`medium`, or else the middle one."""
    return "medium" if "medium" in levels else list(levels)[len(levels) // 2]


def _compact_limit(window: int, max_output: int | None) -> int:
    """Tokens at which Codex should compact: a response of `max_output` must still fit, with some reserve."""
    return max(window // 2, min(window * 9 // 10, window - (max_output or 0) - window // 50))


@cache
def _instructions() -> str:
    return Path(__file__).with_name("base_instructions.md").read_text(encoding="utf-8")
