"""Token counts of chat answers, in the one way of `UsageReported`.

| where               | what departs                                                                    |
|---------------------|---------------------------------------------------------------------------------|
| OpenAI              | cached tokens and reasoning tokens are part of prompt and completion tokens     |
| xAI                 | completion tokens leave reasoning out; only the total tells                     |
| DeepSeek            | `prompt_cache_hit_tokens` for cached tokens                                     |
| Together, Moonshot  | `cached_tokens` at the top                                                      |
| Groq                | in `x_groq.usage` of the last choice's chunk, too                               |
| Moonshot (older)    | in the choice                                                                   |
"""

from typing import Any

from converters.events import UsageReported
from converters.jsontext import Json


def find(chunk: Json) -> Json | None:
    """The usage in a chunk or a whole body, wherever it stands; null and empty ones say nothing."""
    usage = chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage")
    if not usage and (choices := chunk.get("choices")):
        usage = choices[0].get("usage")
    return usage if isinstance(usage, dict) and usage else None


def report(usage: Json) -> UsageReported:
    prompt, completion = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    into, out = _part(usage, "prompt_tokens_details"), _part(usage, "completion_tokens_details")
    reasoning = _count(out, "reasoning_tokens") or _count(usage, "reasoning_tokens")
    left_out = reasoning and _count(usage, "total_tokens") == prompt + completion + reasoning
    cached = _count(into, "cached_tokens") or _count(usage, "prompt_cache_hit_tokens") or _count(usage, "cached_tokens")
    return UsageReported(
        input_tokens=prompt,
        output_tokens=completion + reasoning if left_out else completion,
        cached_tokens=cached,
        cache_write_tokens=_count(into, "cache_write_tokens"),
        reasoning_tokens=reasoning,
    )


def _part(usage: Json, name: str) -> Json:
    part = usage.get(name)
    return part if isinstance(part, dict) else {}


def _count(usage: Json, name: str) -> int:
    value: Any = usage.get(name)
    return int(value) if isinstance(value, int | float) else 0
