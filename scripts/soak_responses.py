"""What the upstreams of a soak respond: whole streams with or without a call, and faults."""

import json
from collections.abc import Callable
from typing import Any

from scripts import bench_load

STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
TOOL = "exec_command"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def whole(status: int, body: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 %d X" % status, b"content-length: %d" % len(body), *headers]
    if not any(line.startswith(b"content-type") for line in headers):
        lines.append(b"content-type: application/json")
    return b"\r\n".join([*lines, b"", body])


def refusal(status: int, message: str, kind: str, *headers: bytes, **fields: str) -> bytes:
    return whole(status, json.dumps({"error": {"message": message, "type": kind, **fields}}).encode(), *headers)


_PAGE = b"<html><title>502</title><body>Bad gateway</body></html>"
_ERROR_EVENT = b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}\n\n'

RESET = b"reset"
"""The connection is reset."""
HANG = b"hang"
"""Nothing more comes."""
_EMPTY = b"empty"

BEFORE: dict[str, tuple[bytes, ...]] = {
    "429": (refusal(429, "slow down", "rate_limit_error", b"retry-after: 1"),),
    "429 in ms": (refusal(429, "slow down", "rate_limit_error", b"retry-after-ms: 1500"),),
    "429 for long": (refusal(429, "slow down", "rate_limit_error", b"retry-after: 30"),),
    "400": (refusal(400, "no such thing", "invalid_request_error"),),
    "500": (refusal(500, "oops", "server_error"),),
    "503": (refusal(503, "overloaded", "server_error", b"retry-after: 1"),),
    "502 page": (whole(502, _PAGE, b"content-type: text/html"),),
    "200 page": (whole(200, _PAGE, b"content-type: text/html"),),
    "200 nothing": (whole(200, b""),),
    "closed": (b"",),
    "reset": (RESET,),
    "hang": (HANG,),
    "hang after head": (STREAM, HANG),
    "reset after head": (STREAM, RESET),
    "half head": (b"HTTP/1.1 200 OK\r\ncontent-ty",),
    "error event": (STREAM, chunk(_ERROR_EVENT), END),
    "garbage only": (STREAM, chunk(b"\x00\xff\x13 garbage \xfe\n\n" * 20), END),
    "empty answer": (STREAM, _EMPTY, END),
}
"""Faults before there is content."""

WITHIN: dict[str, tuple[bytes, ...]] = {
    "dropped": (b"",),
    "reset within": (RESET,),
    "cut": (END,),
    "garbage within": (chunk(b"data: {not json}\n\n"),),
    "error event within": (chunk(_ERROR_EVENT), END),
    "bad chunk": (b"zz\r\n",),
    "stalled": (HANG,),
}
"""Faults in the middle of a response. `garbage within` alone is no end."""

IN_SPITE = ("garbage within",)


def pieces(name: str, protocol: str) -> list[bytes]:
    """Of a fault before content."""
    empty = b"".join(_ends_without_content(protocol))
    return [chunk(empty) if piece is _EMPTY else piece for piece in BEFORE[name]]


def _ends_without_content(protocol: str) -> list[bytes]:
    if protocol == "chat":
        return [_chat({"role": "assistant", "content": ""}), _chat({}, "stop"), b"data: [DONE]\n\n"]
    usage = {"input_tokens": 9, "output_tokens": 0}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "soak", "content": [], "usage": usage}
    return [_anthropic("message_start", message=message), *_anthropic_end("end_turn")]


def response(protocol: str, words: list[str], call_id: str | None) -> list[bytes]:
    """The records of a whole response. The one that holds the start of a call, if there is to be one, has its id."""
    records = list(bench_load.STREAM_FORMATS[protocol].response(words))
    return records if call_id is None else [*records[:-1], *_CALLS[protocol](call_id)]


def arguments(call_id: str) -> str:
    return json.dumps({"cmd": f"echo {call_id}"})


def _chat(delta: dict[str, Any], finish: str | None = None) -> bytes:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "soak"}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps(head | {"choices": [choice]}).encode() + b"\n\n"


def _chat_call(call_id: str) -> list[bytes]:
    text = arguments(call_id)
    start = {"index": 0, "id": call_id, "type": "function", "function": {"name": TOOL, "arguments": text[:9]}}
    rest = {"index": 0, "function": {"arguments": text[9:]}}
    end = _chat({}, "tool_calls") + b"data: [DONE]\n\n"
    return [_chat({"tool_calls": [start]}), _chat({"tool_calls": [rest]}), end]


def _anthropic(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind} | fields)}\n\n".encode()


def _anthropic_end(reason: str) -> list[bytes]:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return [_anthropic("message_delta", delta=delta, usage={"output_tokens": 9}), _anthropic("message_stop")]


def _anthropic_call(call_id: str) -> list[bytes]:
    text = arguments(call_id)
    block = {"type": "tool_use", "id": call_id, "name": TOOL, "input": {}}
    start = _anthropic("content_block_stop", index=0) + _anthropic("content_block_start", index=1, content_block=block)
    delta = [{"type": "input_json_delta", "partial_json": part} for part in (text[:9], text[9:])]
    first, rest = (_anthropic("content_block_delta", index=1, delta=part) for part in delta)
    end = [_anthropic("content_block_stop", index=1), *_anthropic_end("tool_use")]
    return [start + first, rest, b"".join(end)]


_CALLS: dict[str, Callable[[str], list[bytes]]] = {"chat": _chat_call, "anthropic": _anthropic_call}
