"""Compaction where the upstream has none: the model writes a summary, which comes back sealed.

| the client                        | the upstream's request                 | the client gets                      |
|-----------------------------------|----------------------------------------|--------------------------------------|
| POST /responses, with an item     | the history and, in the item's place,  | a stream of exactly one `compaction` |
| `compaction_trigger`              | the prompt; no tools are offered       | item                                 |
| POST /responses/compact           | the same, with the prompt at the end   | `response.compaction`: the user's    |
|                                   |                                        | messages and that item               |

The summary travels in the item's `encrypted_content`; `history.py` unfolds it in later requests, so nothing is stored.
"""

from functools import cached_property
from typing import Any

from converters import seal
from converters.errors import Fault
from converters.events import Event, Failed, Finished, TextDelta, UsageReported
from converters.jsontext import Json
from converters.responses import snapshot, wire
from converters.responses.encoder import Encoder, filtered
from converters.responses.history import SUMMARY_FAMILY

PROMPT = """\
The conversation so far is about to be replaced by a summary, because it no longer fits. Write that summary now, for a
colleague who continues the work and will see nothing else of what came before except the user's own messages.

Say, as far as it applies:
- what the user wants, with every constraint, preference and decision, in the user's own terms;
- what has been done and what came of it: files read, created or changed (with paths), commands that matter, results;
- facts that were hard to find out: names, identifiers, versions, error messages, causes, dead ends not to try again;
- where the work stands right now, and the next steps in order.

Be exact and complete rather than elegant; leave out what no longer matters. Do not continue the work, do not call tools
and do not address the user: answer with the summary alone."""

NO_SUMMARY = Fault("server", "The model wrote no summary of the conversation.")


def is_compaction(request: wire.Request) -> bool:
    return any(isinstance(item, wire.CompactionTriggerItem) for item in request.input)


def rewrite(request: wire.Request) -> wire.Request:
    """The request that asks for the summary: without tools wherever they were offered, and for plain text."""
    items = [_without_tools(item) for item in request.input if not isinstance(item, wire.AdditionalToolsItem)]
    if not is_compaction(request):
        items.append(_prompt_message())
    plain = request.text.model_copy(update={"format": None}) if request.text else None
    update: dict[str, Any] = {
        "input": items,
        "tools": None,
        "tool_choice": None,
        "parallel_tool_calls": None,
        "text": plain,
    }
    return request.model_copy(update=update)


def _without_tools(item: wire.Item) -> wire.Item:
    match item:
        case wire.CompactionTriggerItem():
            return _prompt_message()
        case wire.ToolSearchOutputItem():
            return item.model_copy(update={"tools": []})
        case _:
            return item


def _prompt_message() -> wire.Item:
    return wire.MessageItem(role="user", content=PROMPT)


class CompactionEncoder(Encoder):
    """For a response that is a summary: all its text becomes one sealed item, the rest is left out."""

    @cached_property
    def _pieces(self) -> list[str]:
        return []

    def _encode(self, event: Event) -> None:
        match event:
            case TextDelta(text):
                self._pieces.append(text)
            case UsageReported():
                self._life.report(event)
            case Finished("content_filter", explanation):
                self._life.fail([], filtered(explanation))
            case Finished():
                # Cut by the length limit, a summary is still far better than none.
                self._release("".join(self._pieces).strip())
            case Failed(fault):
                self._life.fail([], fault)
            case _:
                pass

    def _release(self, summary: str) -> None:
        if not summary:
            self._life.fail([], NO_SUMMARY)
            return
        sealed = seal.wrap(SUMMARY_FAMILY, summary)
        item = {"type": "compaction", "id": f"cmp_{self._life.tail}_0", "encrypted_content": sealed}
        self._life.stream.write("response.output_item.added", {"output_index": 0}, item=item)
        self._life.stream.write("response.output_item.done", {"output_index": 0}, item=item)
        self._life.complete([item])


def compact_body(response: Json, request: wire.Request) -> Json:
    """The response to POST /responses/compact, from the terminal `response` of a `CompactionEncoder`."""
    tail = str(response["id"]).removeprefix("resp_")
    user_messages = [item for item in request.input if isinstance(item, wire.MessageItem) and item.role == "user"]
    users = [_user_message(item, f"msg_{tail}_{index}") for index, item in enumerate(user_messages)]
    return {
        "id": response["id"],
        "object": "response.compaction",
        "created_at": response["created_at"],
        "output": [*users, *response["output"]],
        # The published object always has counts.
        "usage": response["usage"] or snapshot.usage(UsageReported(0, 0)),
    }


def _user_message(item: wire.MessageItem, id_: str) -> Json:
    content: Any = item.content or []
    if isinstance(content, str):
        parts = [{"type": "input_text", "text": content}]
    else:
        parts = [part.model_dump(exclude_none=True) for part in content]
    return {"type": "message", "id": item.id or id_, "status": "completed", "role": "user", "content": parts}
