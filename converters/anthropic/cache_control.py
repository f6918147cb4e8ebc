"""The marks for Anthropic's prompt cache: at most four, on what stays the same in later turns.

| mark                                     | why                                                                     |
|------------------------------------------|-------------------------------------------------------------------------|
| the last tool                            | tools come first in the prefix; they outlive a change of instructions   |
| the last system block                    | a new conversation shares the instructions                              |
| the end of the last user message but one | where the request before wrote its entry: read again here               |
| the end of the last user message         | for the request after                                                   |

https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching
"""

from converters.jsontext import Json

_MARK = {"type": "ephemeral"}
_LAST_USER_MESSAGES = 2


def mark(body: Json) -> Json:
    """The body with marks; what was there is not changed. The blocks of a user message can all be marked."""
    marked = {**body, "messages": _mark_messages(body["messages"])}
    for name in ("tools", "system"):
        if body.get(name):
            marked[name] = _mark_last(body[name])
    return marked


def _mark_messages(messages: list[Json]) -> list[Json]:
    users = [index for index, message in enumerate(messages) if message["role"] == "user"]
    marked = list(messages)
    for index in users[-_LAST_USER_MESSAGES:]:
        marked[index] = {**messages[index], "content": _mark_last(messages[index]["content"])}
    return marked


def _mark_last(blocks: list[Json]) -> list[Json]:
    return [*blocks[:-1], {**blocks[-1], "cache_control": _MARK}]
