"""One item of a conversation, of any protocol, as entries: a title, a text, and how much of it to show.

| item or message                                                       | entries                                  |
|-----------------------------------------------------------------------|------------------------------------------|
| a message of any role (Responses, Chat), its reasoning, its tool_calls| thinking, the role, a call each          |
| a message of blocks (Anthropic)                                       | one for each run of texts, call, output  |
| reasoning                                                             | thinking, with its seal                  |
| *_call, *_output of any kind                                          | `call NAME`, `output of ID`              |
| additional_tools, tool_search_output                                  | the tools' names                         |
| compaction, agent_message                                             | its seal; sender and recipient           |
| any other                                                             | its kind, and its JSON in short          |
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from converters.jsontext import Json
from converters.rendering import parts
from converters.rendering.layout import GLANCE, SHORT, Limit, compact, glance


class Entry(NamedTuple):
    title: str
    text: str
    limit: Limit = SHORT
    notes: tuple[str, ...] = ()


def entries(item: Any) -> Iterator[Entry]:
    if not isinstance(item, dict):
        yield Entry(type(item).__name__, compact(item), GLANCE)
        return
    kind = str(item.get("type") or "message")
    if kind == "message":
        yield from _message(item)
    else:
        yield _item(kind, item)


def tool_name(tool: Any) -> str:
    """A tool by name; its kind where it is no plain function."""
    if not isinstance(tool, dict):
        return compact(tool)
    inner = tool.get("function")
    kind = str(tool.get("type") or "function")
    name = glance(str(tool.get("name") or (inner if isinstance(inner, dict) else {}).get("name") or kind), 80)
    if kind == "namespace" and isinstance(tool.get("tools"), list):
        return f"{name}: {{{', '.join(map(tool_name, tool['tools']))}}}"
    return name if kind == "function" or kind == name else f"{name} ({glance(kind, 40)})"


# --- messages ---


def _message(message: Json) -> Iterator[Entry]:
    role, content = str(message.get("role")), message.get("content")
    if thought := message.get("reasoning_content") or message.get("reasoning"):
        yield Entry("thinking", parts.text_of(thought))
    if details := message.get("reasoning_details"):
        yield Entry("thinking's details", compact(details), GLANCE)
    if role in ("tool", "function"):
        yield _output(message.get("tool_call_id") or message.get("name"), content)
    elif isinstance(content, list):
        yield from _blocks(role, content)
    elif content:
        yield Entry(role, parts.text_of(content), _limit(role))
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else []:
        yield _chat_call(call)


def _limit(role: str) -> Limit:
    return GLANCE if role in ("system", "developer") else SHORT


def _blocks(role: str, content: list[Any]) -> Iterator[Entry]:
    """A message's texts in a row are one entry; calls, outputs and thinking have entries of their own."""
    texts: list[str] = []
    for element in content:
        kind = str(element.get("type")) if isinstance(element, dict) else ""
        if kind.endswith(("tool_use", "tool_result", "thinking")):
            yield from _message_entries(role, texts)
            yield _block(kind, element)
        else:
            texts.append(parts.part(element))
    yield from _message_entries(role, texts)


def _message_entries(role: str, texts: list[str]) -> Iterator[Entry]:
    if texts:
        yield Entry(role, "\n".join(texts), _limit(role))
        texts.clear()


def _block(kind: str, block: Json) -> Entry:
    if kind.endswith("tool_use"):
        return _call(block.get("name"), block.get("id"), compact(block.get("input") or {}))
    if kind.endswith("tool_result"):
        failed = ("error",) if block.get("is_error") else ()
        return _output(block.get("tool_use_id"), block.get("content"), *failed)
    if kind == "redacted_thinking":
        return Entry("thinking", parts.sealed(str(block.get("data"))))
    return Entry(
        "thinking", parts.text_of(block.get("thinking")), notes=("[signed]",) if block.get("signature") else ()
    )


def _chat_call(call: Any) -> Entry:
    inner = call.get("function") or call.get("custom") if isinstance(call, dict) else None
    if not isinstance(inner, dict):
        return Entry("call", compact(call), GLANCE)
    return _call(inner.get("name"), call.get("id"), inner.get("arguments") or inner.get("input"))


# --- items ---


def _item(kind: str, item: Json) -> Entry:
    match kind:
        case "reasoning":
            return _reasoning(item)
        case "additional_tools" | "tool_search_output":
            return Entry(_named(kind, item), ", ".join(map(tool_name, item.get("tools") or ())))
        case "agent_message":
            return Entry(f"{item.get('author')} tells {item.get('recipient')}", parts.text_of(item.get("content")))
        case _ if "encrypted_content" in item:
            return Entry(kind, parts.part({"encrypted_content": item["encrypted_content"]}))
        case _ if kind.endswith("_output"):
            return _output(item.get("call_id"), item.get("output"))
        case _ if "call_id" in item and kind.endswith("_call"):
            return _any_call(kind, item)
        case _:
            return Entry(kind, compact({key: element for key, element in item.items() if key != "type"}), GLANCE)


def _reasoning(item: Json) -> Entry:
    texts = [parts.text_of(item.get(key)) for key in ("summary", "content")]
    secret = item.get("encrypted_content")
    notes = (parts.sealed(secret),) if isinstance(secret, str) and secret else ()
    return Entry("thinking", "\n".join(filter(None, texts)), notes=notes)


def _any_call(kind: str, item: Json) -> Entry:
    name = f"{item['namespace']}.{item.get('name')}" if item.get("namespace") else item.get("name") or kind
    given = next((item[key] for key in ("arguments", "input", "action") if item.get(key) is not None), "")
    return _call(name, item.get("call_id"), given)


def _named(kind: str, item: Json) -> str:
    return f"{kind} {item['call_id']}" if item.get("call_id") else kind


def _call(name: Any, call_id: Any, given: Any) -> Entry:
    return Entry(f"call {glance(str(name), 80)}", parts.arguments(compact(given)), notes=(glance(str(call_id), 60),))


def _output(call_id: Any, content: Any, *notes: str) -> Entry:
    return Entry(f"output of {glance(str(call_id), 60)}", parts.text_of(content), notes=notes)
