"""A Responses upstream: requests and responses pass untouched but for model, refused keys and our own seals.

| the client's request                       | what goes on                                              |
|--------------------------------------------|-----------------------------------------------------------|
| `model`                                    | the upstream's name for it                                |
| tools in the dialect's `refused_tools`     | left out, listed as losses                                |
| reasoning sealed by us                     | left out: another model thought it                        |
| compaction sealed by us                    | the summary, as the user's message                        |
| web_search_call with the action `other`    | as a search: Codex writes so what it does not know        |
| everything else, the whole response        | as it is, ids included: OpenAI gave them                  |

Our seals would be refused as `invalid_encrypted_content`: a thread that goes from another model to this one has them.
"""

from collections.abc import Iterator
from typing import Any

from converters import jsontext, seal, sse
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses.dialect import ResponsesDialect
from converters.responses.history import SUMMARY_FAMILY, SUMMARY_PREFIX
from converters.tools import flat_name, is_refused


def body(raw: Json, dialect: ResponsesDialect, model: str, losses: Losses) -> Json:
    out: Json = {**raw, "model": model}
    if isinstance(raw.get("tools"), list):
        out["tools"] = _tools(raw["tools"], "tools", dialect, losses)
    if isinstance(raw.get("input"), list):
        out["input"] = list(_items(raw, dialect, losses))
    return out


def changes(raw: Json) -> bool:
    """Whether OpenAI would refuse something of a request as it is."""
    return body(raw, ResponsesDialect(), raw.get("model", ""), Losses()) != raw


def _items(raw: Json, dialect: ResponsesDialect, losses: Losses) -> Iterator[Any]:
    for index, item in enumerate(raw["input"]):
        kept = _item(item, dialect) if isinstance(item, dict) else item
        if kept is None and item is not None:
            losses.note(f"input[{index}]", str(item.get("type")), "only the model that it came from understands it")
        elif isinstance(kept, dict) and kept.get("type") == "additional_tools" and "tools" in kept:
            yield {**kept, "tools": _tools(kept["tools"], f"input[{index}].tools", dialect, losses)}
        else:
            yield kept


def _tools(tools: Any, path: str, dialect: ResponsesDialect, losses: Losses, namespace: str = "") -> Any:
    """The tools but for those that are refused, within namespaces too; a namespace with nothing left goes as well."""
    if not dialect.refused_tools or not isinstance(tools, list):
        return tools
    kept = []
    for index, tool in enumerate(tools):
        place = f"{path}[{index}]"
        name = flat_name(str(tool.get("name") or tool.get("type")), namespace) if isinstance(tool, dict) else ""
        if is_refused(name, dialect.refused_tools):
            losses.note(place, name, "this upstream is not offered it")
        elif name and tool.get("type") == "namespace":
            inner = _tools(tool.get("tools"), f"{place}.tools", dialect, losses, name)
            kept += [{**tool, "tools": inner}] if inner else []
        else:
            kept.append(tool)
    return kept


def _item(item: Json, dialect: ResponsesDialect) -> Json | None:
    """The item as the upstream takes it; None where nothing is left."""
    match item:
        case {"type": "web_search_call", "action": {"type": "other"}}:
            return {**item, "action": {"type": "search", "query": ""}}
        case {"encrypted_content": str(sealed)} if seal.is_ours(sealed) and not dialect.seals:
            return None if item.get("type") == "reasoning" else _summary(sealed)
        case _:
            return item


def _summary(sealed: str) -> Json | None:
    summary = seal.unwrap(SUMMARY_FAMILY, sealed)
    if not isinstance(summary, str):
        return None
    content = [{"type": "input_text", "text": SUMMARY_PREFIX + summary}]
    return {"type": "message", "role": "user", "content": content}


_OF_A_RESPONSE = b'"response.'
_TERMINAL = (b'"response.completed"', b'"response.incomplete"', b'"response.failed"')
_BEFORE_CONTENT = ("response.created", "response.in_progress", "response.queued")


class Watch:
    """Reads a stream as it passes, record by record: has it content, did it come to its end, and what went wrong.

    `error` is what an `error` event or the failed response holds. Codex ignores that event, and the `response.failed`
    that should follow it does not always come. `last` is the terminal event's JSON. `progress` grows with each event of
    a response; keep-alives are none. `is_empty`: the response is complete, and holds neither text nor call.
    """

    def __init__(self) -> None:
        self.has_content = self.ended = self.failed = self.is_empty = False
        self.error: Any = None
        self.last = b""
        self.progress = 0

    def read(self, records: list[bytes]) -> list[bytes]:
        """Those of the records that pass: nothing does behind the terminal event."""
        if self.ended:
            return []
        for number, record in enumerate(records):
            for message in sse.messages([record]):
                self._look(message)
            if self.ended:
                return records[: number + 1]
        return records

    def _look(self, message: sse.Message) -> None:
        is_of_a_response = _OF_A_RESPONSE in message.data
        self.progress += is_of_a_response
        if any(mark in message.data for mark in _TERMINAL):
            self._note_end(message)
        elif message.event == "error" or b'"error"' in message.data:
            self._note_error(message)
        if is_of_a_response and not (self.has_content or self.ended):
            kind = _type(message)
            self.has_content = kind.startswith("response.") and kind not in _BEFORE_CONTENT

    def _note_end(self, message: sse.Message) -> None:
        self.ended, self.last = True, message.data
        if b'"response.failed"' not in message.data:
            self.is_empty = not self.has_content and is_empty(_ended(message))
            self.has_content = not self.is_empty
            return
        self.failed = True
        match _parsed(message):
            case {"response": {"error": error}} if error is not None:
                self.error = error

    def _note_error(self, message: sse.Message) -> None:
        event = _parsed(message)
        if isinstance(event, dict) and "error" in (message.event, event.get("type")):
            self.error = event.get("error") or event


def _ended(message: sse.Message) -> Any:
    """The response in a terminal event."""
    event = _parsed(message)
    return event.get("response") if isinstance(event, dict) else None


def is_empty(response: Any) -> bool:
    """Whether a response is complete, and holds neither text nor call."""
    match response:
        case {"status": "completed", "output": [*items]}:
            return all(map(_says_nothing, items))
        case _:
            return False


def _says_nothing(item: Any) -> bool:
    match item:
        case {"type": "reasoning"}:
            return True
        case {"type": "message", "content": [*parts]}:
            return all(isinstance(part, dict) and part.get("text") == "" for part in parts)
        case _:
            return False


def _type(message: sse.Message) -> str:
    event = _parsed(message)
    return str(event.get("type", message.event)) if isinstance(event, dict) else message.event


def _parsed(message: sse.Message) -> Any:
    try:
        return jsontext.loads(message.data)
    except ValueError:
        return None


def usage(body: bytes) -> Json | None:
    """The usage in a terminal event or in a whole response; None where there is none."""
    try:
        value = jsontext.loads(body)
    except ValueError:
        return None
    match value:
        case {"response": {"usage": dict(usage)}} | {"usage": dict(usage)}:
            return usage
        case _:
            return None
