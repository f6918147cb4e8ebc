"""A scripted answer as Chat Completions says it, streamed or whole."""

import json
from collections.abc import Iterator

from tests.e2e.answers import Call, Json, Piece, Raw, Say, Text, Think, split

_STOPS = {"stop": "stop", "tool_calls": "tool_calls", "length": "length", "content_filter": "content_filter"}


def error_body(status: int, message: str, more: Json) -> bytes:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": None, **more}}).encode()


def arguments_text(call: Call) -> str:
    return call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)


def usage(say: Say) -> Json:
    return {
        "prompt_tokens": say.usage.input,
        "completion_tokens": say.usage.output,
        "total_tokens": say.usage.input + say.usage.output,
        "prompt_tokens_details": {"cached_tokens": say.usage.cached},
        "completion_tokens_details": {"reasoning_tokens": say.usage.reasoning},
    }


def stream(say: Say, body: Json, number: int, ids: list[str]) -> Iterator[bytes]:
    """The stream's records. `number` makes the answer's id, `ids` are those of its calls, in order."""
    head = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}

    def chunk(delta: Json, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _record({**head, "choices": [choice]})

    yield chunk({"role": "assistant", "content": ""})
    left = list(ids)
    for piece in say.pieces:
        if isinstance(piece, Raw):
            yield piece.data
        else:
            index = len(ids) - len(left)
            yield from (chunk(delta) for delta in _deltas(piece, index, left))
    if say.ends != "finish":
        return
    yield chunk({}, _STOPS[say.stop])
    if (body.get("stream_options") or {}).get("include_usage"):
        yield _record({**head, "choices": [], "usage": usage(say)})
    yield b"data: [DONE]\n\n"


def _record(value: Json) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def _deltas(piece: Piece, index: int, ids: list[str]) -> Iterator[Json]:
    match piece:
        case Text(text):
            yield from ({"content": one} for one in split(text))
        case Think(text):
            yield from ({"reasoning_content": one} for one in split(text))
        case Call(name):
            start = {"name": name, "arguments": ""}
            yield {"tool_calls": [{"index": index, "id": ids.pop(0), "type": "function", "function": start}]}
            for one in split(arguments_text(piece), 11):
                yield {"tool_calls": [{"index": index, "function": {"arguments": one}}]}


def whole(say: Say, body: Json, number: int, ids: list[str]) -> Json:
    message: Json = {"role": "assistant", "content": "".join(p.text for p in say.pieces if isinstance(p, Text)) or None}
    if thinking := "".join(p.text for p in say.pieces if isinstance(p, Think)):
        message["reasoning_content"] = thinking
    calls = [piece for piece in say.pieces if isinstance(piece, Call)]
    if calls:
        message["tool_calls"] = [
            {"id": id_, "type": "function", "function": {"name": call.name, "arguments": arguments_text(call)}}
            for id_, call in zip(ids, calls, strict=True)
        ]
    choice = {"index": 0, "message": message, "finish_reason": _STOPS[say.stop], "logprobs": None}
    head = {"id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1, "model": body["model"]}
    return {**head, "choices": [choice], "usage": usage(say)}
