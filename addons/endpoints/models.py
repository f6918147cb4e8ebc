"""The list of models, in one body for everybody: OpenAI's `data`, and the `models` that Codex takes its metadata from.

Codex refuses the whole list if one entry lacks a required field, and replaces its own list by it. What each field does
was measured with Codex 0.169 (`codex debug models` shows what it made of the body).

| ModelInfo                               | from                                                                       |
|-----------------------------------------|----------------------------------------------------------------------------|
| slug, display_name, priority            | the name that a route or a provider's list gives, in their order           |
| base_instructions                       | `base_instructions.md`, in place of Codex's own 17 kB, so they are needed  |
| supported_reasoning_levels, default_... | the dialect's choices; never empty, or the picker is stuck                 |
| context_window, auto_compact_...        | the model's window, and where compaction must begin for an answer to fit   |
| input_modalities                        | `images`: Codex then replaces pictures itself, and view_image fails kindly |
| apply_patch_tool_type                   | `freeform`, or absent where custom tools are refused: Codex takes no other |
| shell_type, truncation_policy, ...      | the same for all: plain tools, no code mode, no search for tools           |
"""

from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path

import orjson

from addons.routing.router import Offer, Routes
from converters.dialect import Effort
from converters.jsontext import Json

_MOST_BYTES = 900_000
"""Codex reads no more than 1 MiB. The last providers' models then stand in `data` alone."""

_USUAL_WINDOW = 128_000
"""Assumed where nobody says: too small compacts early, too large makes the upstream refuse the whole thread."""

_EFFORTS: dict[Effort, str] = {
    "none": "No thinking",
    "minimal": "Hardly any thinking",
    "low": "Quick answers with little thinking",
    "medium": "A balance of speed and depth",
    "high": "Thorough thinking for hard problems",
    "xhigh": "Very thorough thinking, slow",
    "max": "As much thinking as the model can",
}


def catalog(routes: Routes, environ: Mapping[str, str]) -> Json:
    """The body for GET /v1/models: what can be asked for now. The same routes and keys give the same bytes."""
    offers = routes.offers(environ)
    data = [{"id": one.slug, "object": "model", "created": 0, "owned_by": one.target.upstream.who} for one in offers]
    return {"object": "list", "data": data, "models": _within_limit(offers, len(orjson.dumps(data)))}


def _within_limit(offers: list[Offer], used: int) -> list[Json]:
    models: list[Json] = []
    for priority, offer in enumerate(offers):
        entry = _model_info(offer, priority)
        used += len(orjson.dumps(entry)) + 1
        if used > _MOST_BYTES:
            break
        models.append(entry)
    return models


def _model_info(offer: Offer, priority: int) -> Json:
    upstream, model = offer.target.upstream, offer.model
    levels = _levels(offer)
    window = model.context or _USUAL_WINDOW
    entry = {
        "slug": offer.slug,
        "display_name": offer.slug,
        "description": f"{upstream.model} at {upstream.who}",
        "priority": priority,
        "visibility": "list",
        "supported_in_api": True,
        "base_instructions": _instructions(),
        "supported_reasoning_levels": [{"effort": one, "description": text} for one, text in levels.items()],
        "default_reasoning_level": _usual(levels),
        "support_verbosity": bool(getattr(upstream.dialect, "verbosity", False)),
        "context_window": window,
        "max_context_window": window,
        "auto_compact_token_limit": _compact_at(window, upstream.dialect.max_tokens),
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


def _levels(offer: Offer) -> dict[Effort, str]:
    """The depths that Codex's picker shows, each with its explanation."""
    if not offer.model.reasoning:
        return {"none": "This model does not think"}
    choices = offer.target.upstream.dialect.choices()
    return {effort: _EFFORTS[effort] for effort in choices} or {"medium": "As deep as the model itself decides"}


def _usual(levels: Collection[Effort]) -> Effort:
    """What a client that says nothing gets: `medium`, or else what stands in the middle."""
    return "medium" if "medium" in levels else list(levels)[len(levels) // 2]


def _compact_at(window: int, answer: int | None) -> int:
    """Where Codex should begin to compact: with room for an answer of the size that we ask for, and some to spare."""
    return max(window // 2, min(window * 9 // 10, window - (answer or 0) - window // 50))


@cache
def _instructions() -> str:
    return Path(__file__).with_name("base_instructions.md").read_text(encoding="utf-8")
