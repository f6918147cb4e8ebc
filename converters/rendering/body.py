"""A request or an answer of any protocol here, as text for a person; None where it is neither.

| body                                                            | shown by                                   |
|-----------------------------------------------------------------|--------------------------------------------|
| a stream of chat chunks, Anthropic or Responses events          | `rendering.response`, by the protocol's decoder  |
| a whole answer of one of them                                   | the same                                   |
| an object with `messages`, or a model and `input`               | `rendering.request`                     |
| the answer to /responses/compact                                | the same                                   |
| an error in any provider's form                                 | one line, as the user is told it           |

A stream that broke off shows what came, and that it did.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from converters import errors, jsontext, sse
from converters.anthropic import response as anthropic
from converters.anthropic.dialect import AnthropicDialect
from converters.chat import response as chat
from converters.chat.dialect import ChatDialect
from converters.exchange import Decoder
from converters.jsontext import Json
from converters.rendering import request
from converters.rendering.layout import SHORT, block, size
from converters.rendering.response import Turn
from converters.responses import decoder as responses

_DECODERS: dict[str, Callable[[str], Decoder]] = {
    "responses": responses.Decoder,
    "chat": lambda who: chat.Decoder(who, ChatDialect()),
    "anthropic": lambda who: anthropic.Decoder(who, AnthropicDialect()),
}
_WHO = "the sender"
_STREAM = "text/event-stream"
_STREAM_STARTS = (b"data:", b"event:", b"id:", b"retry:", b":")
_NAMES = (b'"model"', b'"messages"', b'"choices"', b'"error"', b'"response.compaction"')
_MOST = 32 * 2**20
"""Bytes that are read; more would keep a person waiting."""


def looks_readable(body: bytes, content_type: str = "") -> bool:
    """A cheap guess, for messages that were sent to or by a known endpoint."""
    start = body.lstrip()[:20]
    if start.startswith((b"{", b"[")):
        # The names that tell stand anywhere in a body; a search reads 4 MB in a millisecond.
        return any(mark in body for mark in _NAMES)
    return content_type.startswith(_STREAM) or start.startswith(_STREAM_STARTS)


def readable(body: bytes, content_type: str = "", *, is_running: bool = False) -> str | None:
    """`is_running`: more is to come, so that a stream without an end is not cut."""
    try:
        found = _shown(body, content_type, is_running)
        return None if found is None else "\n".join(found).strip("\n") + "\n"
    except Exception:  # other people's bytes, and a person who can look at them raw: nothing may come of a surprise
        return None


def _shown(body: bytes, content_type: str, is_running: bool) -> Iterator[str] | None:
    body = body.lstrip()
    if body.startswith((b"{", b"[")):
        return _body(jsontext.loads(body))
    if content_type.startswith(_STREAM) or body.startswith(_STREAM_STARTS):
        return _stream(body, is_running)
    return None


# --- whole bodies ---


def _body(value: Any) -> Iterator[str] | None:
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None  # Google's errors come in a list
    match value:
        case {"object": "response.compaction", "output": [*items]}:
            return request.conversation(items)
        case {"messages": [{"role": _}, *_]}:  # some hosts have the model in the path alone
            return request.lines(value, "anthropic" if _is_anthropic(value) else "chat")
        case {"model": _, "input": str() | list()} if value.get("object") != "response":
            return request.lines(value, "responses")
        case {"error": error} if error and not _SAID & value.keys():
            return block(f"FAILED: {errors.describe(jsontext.dumps(value))}", SHORT, "")
        case dict() if protocol := _protocol(value, ""):
            return _answer(value, protocol)
        case _:
            return None


_SAID = {"choices", "output", "content"}
"""Where an answer stands."""


def _is_anthropic(request: Json) -> bool:
    """By what only Anthropic's requests have; a bare one is the same in both protocols."""
    if "system" in request or any("input_schema" in tool for tool in _objects(request, "tools")):
        return True
    blocks = [block for message in _objects(request, "messages")[:20] for block in _objects(message, "content")]
    return any(str(block.get("type")).endswith(("tool_use", "tool_result", "thinking")) for block in blocks)


def _objects(body: Json, key: str) -> list[Json]:
    value = body.get(key)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _answer(body: Json, protocol: str) -> Iterator[str]:
    turn, decoder = Turn(protocol), _DECODERS[protocol](_WHO)
    turn.feed(decoder.whole(body))
    turn.feed(decoder.close())
    return turn.lines(one for key in ("output", "content") for one in _objects(body, key) if _is_other(one))


# --- streams ---


def _stream(body: bytes, is_running: bool) -> Iterator[str] | None:
    parser = sse.Parser()
    # A record without its blank line may be half of one: that says that the stream was cut, not that it is wrong.
    messages = [*parser.feed(body[:_MOST]), *filter(_is_complete, parser.close())]
    protocol = next(filter(None, map(_protocol_of, islice(messages, 100))), "")
    if not protocol:
        return None
    turn, decoder = Turn(protocol), _DECODERS[protocol](_WHO)
    for message in messages:
        turn.feed(decoder.feed(message))
    if not is_running:
        turn.feed(decoder.close())
    if len(body) > _MOST:
        turn.broke(f"only the first {size(_MOST)} of {size(len(body))} are shown")
    return turn.lines(_others(messages))


def _is_complete(message: sse.Message) -> bool:
    try:
        jsontext.loads(message.data)
    except ValueError:
        return not message.data.startswith(b"{")
    return True


def _protocol_of(message: sse.Message) -> str:
    try:
        value = jsontext.loads(message.data)
    except ValueError:
        return ""
    return _protocol(value, message.event) if isinstance(value, dict) else ""


_ANTHROPIC = {"message_start", "message_delta", "message_stop", "ping", "error"}


def _protocol(value: Json, event: str) -> str:
    """Whose event or whole answer this is; empty where nobody says such a thing."""
    kind, what = str(value.get("type") or event), str(value.get("object"))
    if isinstance(value.get("choices"), list) or what == "chat.completion.chunk":
        return "chat"
    if kind.startswith("response.") or what == "response" or (kind == "error" and "sequence_number" in value):
        return "responses"
    whole = kind == "message" and isinstance(value.get("content"), list)
    if whole or kind in _ANTHROPIC or kind.startswith("content_block_"):
        return "anthropic"
    return "chat" if value.get("error") else ""


_HOLDERS = {b"output_item.done": "item", b"content_block_start": "content_block"}
"""Events that hold an element of the answer -> where."""

_TOLD = {"message", "reasoning", "function_call", "custom_tool_call", "tool_search_call"}
_TOLD |= {"text", "thinking", "redacted_thinking", "tool_use", "output_text"}


def _others(messages: list[sse.Message]) -> Iterator[Json]:
    """The elements of an answer that its decoder leaves out."""
    for message in messages:
        for mark, key in _HOLDERS.items():
            if mark in message.event.encode() or mark in message.data[:100]:
                try:
                    held = jsontext.loads(message.data).get(key)
                except (ValueError, AttributeError):
                    continue
                if _is_other(held):
                    yield held


def _is_other(element: Any) -> bool:
    return isinstance(element, dict) and "type" in element and str(element["type"]) not in _TOLD
