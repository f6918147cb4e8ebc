"""Token counts of chat responses, in the one way of `UsageReported`.

| where               | what departs                                                                    |
|---------------------|---------------------------------------------------------------------------------|
| OpenAI              | cached tokens and reasoning tokens are part of prompt and completion tokens     |
| xAI                 | completion tokens leave reasoning out; only the total has it                    |
| DeepSeek            | `prompt_cache_hit_tokens` for cached tokens                                     |
| Together, Moonshot  | `cached_tokens` at the top                                                      |
| Groq                | in `x_groq.usage` of the last choice's chunk, too                               |
| Moonshot (older)    | in the choice                                                                   |
"""

from converters.events import UsageReported
from converters.jsontext import Json
from converters.lenient import Reader


def find(chunk: Json, read: Reader) -> Json:
    """The usage in a chunk or a whole body, wherever it stands; empty where there is none."""
    if usage := chunk.get("usage"):
        return read.table(usage, "usage")
    if (groq := chunk.get("x_groq")) and (usage := read.table(groq, "x_groq").get("usage")):
        return read.table(usage, "x_groq.usage")
    match chunk.get("choices"):
        case [{"usage": usage}, *_]:
            return read.table(usage, "choices[0].usage")
        case _:
            return {}


def report(usage: Json, read: Reader) -> UsageReported:
    def count(name: str) -> int:
        return read.number(usage.get(name), f"usage.{name}")

    def detail(name: str, part: str) -> int:
        details = read.table(usage.get(name), f"usage.{name}")
        return read.number(details.get(part), f"usage.{name}.{part}")

    prompt, completion = count("prompt_tokens"), count("completion_tokens")
    reasoning = detail("completion_tokens_details", "reasoning_tokens") or count("reasoning_tokens")
    left_out = reasoning and count("total_tokens") == prompt + completion + reasoning
    cached = detail("prompt_tokens_details", "cached_tokens")
    return UsageReported(
        input_tokens=prompt,
        output_tokens=completion + reasoning if left_out else completion,
        cached_tokens=cached or count("prompt_cache_hit_tokens") or count("cached_tokens"),
        cache_write_tokens=detail("prompt_tokens_details", "cache_write_tokens"),
        reasoning_tokens=reasoning,
    )
