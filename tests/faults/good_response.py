"""A good response in each protocol, in pieces: records of a stream, or a whole body."""

import json
from dataclasses import dataclass
from typing import Any

from converters import protocols

type Protocol = str
PATHS: dict[Protocol, str] = {name: f"/v1{protocol.path}" for name, protocol in protocols.PROTOCOLS.items()}
PROTOCOLS = tuple(PATHS)

WORDS = [f"word{number} " for number in range(8)]


@dataclass(frozen=True)
class GoodResponse:
    """`pieces` are the response's records up to its end, `last` is what ends it, `call` is half a tool call.

    Of a whole body, `pieces` and `last` are just parts, and there is no half a call.
    """

    pieces: list[bytes]
    last: bytes
    call: bytes
    is_stream: bool
    error: bytes
    """An error event, or a body that is an error."""

    @property
    def whole(self) -> bytes:
        return b"".join(self.pieces) + self.last


def good_response(protocol: Protocol, *, stream: bool, text: str | None = None) -> GoodResponse:
    """`text` stands in place of the words."""
    words = WORDS if text is None else [text]
    response = {"chat": _chat, "anthropic": _anthropic, "responses": _responses}[protocol](words)
    if stream or protocol in protocols.converted():  # other providers are asked for a stream, whatever the client wants
        return response
    body = json.dumps(_response("completed", "".join(words))).encode()
    size = -(-len(body) // 4)
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return GoodResponse(pieces[:-1], pieces[-1], b"", False, json.dumps({"error": _error("server_error")}).encode())


def _error(kind: str) -> dict[str, Any]:
    return {"type": kind, "code": kind, "message": "it broke"}


def _record(value: Any, event: str = "") -> bytes:
    return (f"event: {event}\n" if event else "").encode() + b"data: " + json.dumps(value).encode() + b"\n\n"


def _chat(words: list[str]) -> GoodResponse:
    def chunk(delta: Any, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _record({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]})

    call = {
        "index": 0,
        "id": "call_1",
        "type": "function",
        "function": {"name": "exec_command", "arguments": '{"cmd":"rm'},
    }
    pieces = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": word}) for word in words)]
    last = chunk({}, "stop") + b"data: [DONE]\n\n"
    return GoodResponse(pieces, last, chunk({"tool_calls": [call]}), True, _record({"error": _error("server_error")}))


def _anthropic(words: list[str]) -> GoodResponse:
    def event(kind: str, **fields: Any) -> bytes:
        return _record({"type": kind, **fields}, kind)

    usage = {"input_tokens": 9, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
    deltas = (event("content_block_delta", index=0, delta={"type": "text_delta", "text": word}) for word in words)
    pieces = [
        event("message_start", message=message),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *deltas,
        event("content_block_stop", index=0),
    ]
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    last = event("message_delta", delta=stop, usage={"output_tokens": 9}) + event("message_stop")
    block = {"type": "tool_use", "id": "toolu_1", "name": "exec_command", "input": {}}
    arguments = {"type": "input_json_delta", "partial_json": '{"cmd":"rm'}
    call = event("content_block_start", index=1, content_block=block) + event(
        "content_block_delta", index=1, delta=arguments
    )
    return GoodResponse(pieces, last, call, True, event("error", error=_error("api_error")))


def _response(status: str, text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
    usage = {"input_tokens": 9, "output_tokens": 9, "total_tokens": 18}
    return {"id": "resp_1", "object": "response", "status": status, "model": "m", "output": [item], "usage": usage}


def _responses(words: list[str]) -> GoodResponse:
    def event(kind: str, **fields: Any) -> bytes:
        return _record({"type": kind, **fields}, kind)

    message = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
    done = _response("completed", "".join(words))
    pieces = [
        event("response.created", response={"id": "resp_1", "status": "in_progress"}),
        event("response.output_item.added", output_index=0, item=message),
        *(event("response.output_text.delta", output_index=0, item_id="msg_1", delta=word) for word in words),
        event("response.output_item.done", output_index=0, item=done["output"][0]),
    ]
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "exec_command", "arguments": ""}
    half = event("response.output_item.added", output_index=1, item=call)
    half += event("response.function_call_arguments.delta", output_index=1, item_id="fc_1", delta='{"cmd":"rm')
    failed = {"id": "resp_1", "status": "failed", "error": _error("server_error"), "output": []}
    return GoodResponse(
        pieces, event("response.completed", response=done), half, True, event("response.failed", response=failed)
    )
