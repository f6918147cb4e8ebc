"""Token counts, from Anthropic's way of counting to Responses'.

`input_tokens` leaves out what the cache read and wrote; we add them up. The counts of `message_delta` are totals so far
and may be fewer in kind than those of `message_start`, so a later count replaces the earlier one of the same name.
https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching
"""

from typing import Any

from converters.events import Event, UsageReported
from converters.jsontext import Json
from converters.lenient import Reader


class Usage:
    def __init__(self, read: Reader) -> None:
        self._read = read
        self._counts: Json = {}

    def update(self, usage: Any) -> list[Event]:
        """The report after these counts; nothing where there are none."""
        if not (usage := self._read.table(usage, "usage")):
            return []
        # Some hosts fill what they do not count again with 0 or null.
        self._counts.update({name: count for name, count in usage.items() if count})
        return [self._report()]

    def _report(self) -> UsageReported:
        cached = self._count("cache_read_input_tokens")
        written = self._count("cache_creation_input_tokens")
        details = self._read.table(self._counts.get("output_tokens_details"), "usage.output_tokens_details")
        return UsageReported(
            input_tokens=self._count("input_tokens") + cached + written,
            output_tokens=self._count("output_tokens"),
            cached_tokens=cached,
            cache_write_tokens=written,
            reasoning_tokens=self._read.number(
                details.get("thinking_tokens"), "usage.output_tokens_details.thinking_tokens"
            ),
        )

    def _count(self, name: str) -> int:
        return self._read.number(self._counts.get(name), f"usage.{name}")
