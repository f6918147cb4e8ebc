"""A request as text: its model, settings and tools, and the conversation in order.

| in the request                                    | shown as                                                     |
|---------------------------------------------------|--------------------------------------------------------------|
| model                                             | the first line                                               |
| every other field that is set, but contents       | below it, objects as `reasoning.effort high`                 |
| instructions (Responses), system (Anthropic)      | `instructions`, their first lines                            |
| tools                                             | their names, those in a namespace behind it                  |
| input, messages                                   | numbered: role, calls and outputs by id, thinking, contents  |

Of a long conversation, all but the last items are shown in one line each: the new things stand at the end. Of a very
long one, only the last items are shown.
"""

from collections.abc import Iterator
from typing import Any

from converters.jsontext import Json
from converters.rendering import parts
from converters.rendering.entries import Entry, tool_name
from converters.rendering.layout import GLANCE, WIDTH, block, characters, compact, glance, listed, title
from converters.rendering.protocol_rendering import Rendering

_CONTENTS = {"model", "tools", "functions"}
"""Fields that are no settings, beside the conversation and the instructions."""

_IN_FULL = 24
"""How many items are shown with more than one line: of a conversation of any length, the last ones."""

_MOST = 5000
"""How many items are shown at all."""


def lines(body: Json, protocol: str, rendering: Rendering) -> Iterator[str]:
    yield title(f"request to {glance(str(body.get('model') or 'a model'), 80)}", protocol)
    yield from listed(_settings(body, rendering), " · ")
    yield ""
    if text := parts.text_of(body.get(rendering.instructions)):
        yield title(rendering.instructions, characters(text))
        yield from block(text, GLANCE)
        yield ""
    if tools := _list(body.get("tools") or body.get("functions")):
        yield title("tools", f"{len(tools)}")
        yield from listed(map(tool_name, tools), ", ")
        yield ""
    yield from conversation(body.get(rendering.conversation), rendering)


def conversation(content: Any, rendering: Rendering) -> Iterator[str]:
    """The items or messages of a request; of a response that is a list of items too."""
    if isinstance(content, str):
        content = [{"role": "user", "content": content}]
    shown = _list(content)[-_MOST:]
    if left_out := len(_list(content)) - len(shown):
        yield f"[... {left_out:,} earlier items ...]"
    entries = [entry for item in shown for entry in rendering.entries(item)]
    brief = max(0, len(entries) - _IN_FULL)
    for number, entry in enumerate(entries, left_out):
        yield from _in_one_line(number, entry) if number - left_out < brief else _in_full(number, entry)


def _in_one_line(number: int, entry: Entry) -> Iterator[str]:
    head = title(f"{number:>3}  {entry.title}", characters(entry.text))
    room = WIDTH - len(head) - 3
    yield f"{head} · {glance(entry.text, room)}" if entry.text and room > 20 else head


def _in_full(number: int, entry: Entry) -> Iterator[str]:
    yield title(f"{number:>3}  {entry.title}", characters(entry.text), *entry.notes)
    if entry.text.strip():
        yield from block(entry.text, entry.limit, indent=" " * 5)


def _settings(body: Json, rendering: Rendering) -> Iterator[str]:
    contents = {*_CONTENTS, rendering.conversation, rendering.instructions}
    for key, value in body.items():
        if key not in contents:
            yield from _setting(key, value)


def _setting(name: str, value: Any, depth: int = 0) -> Iterator[str]:
    if value is None or value == [] or value == {}:
        return
    if isinstance(value, dict) and name.endswith("metadata"):
        yield f"{name} of {len(value)}"
        return
    if isinstance(value, dict) and depth < 2:
        for key, inner in value.items():
            yield from _setting(f"{name}.{glance(str(key), 40)}", inner, depth + 1)
        return
    yield f"{name} {glance(compact(value), 60)}"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
