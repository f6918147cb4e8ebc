"""A scripted response as Chat Completions sends it, streamed or whole."""

import json
from collections.abc import Iterator

from tests.e2e.scripted_response import Call, Json, ModelResponse, Piece, Raw, Reasoning, Text, split

_FINISH_REASONS = {"stop": "stop", "tool_calls": "tool_calls", "length": "length", "content_filter": "content_filter"}


def error_body(status: int, message: str, more: Json) -> bytes:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": None, **more}}).encode()


def arguments_text(call: Call) -> str:
    return call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)


def usage(response: ModelResponse) -> Json:
    return {
        "prompt_tokens": response.usage.input,
        "completion_tokens": response.usage.output,
        "total_tokens": response.usage.input + response.usage.output,
        "prompt_tokens_details": {"cached_tokens": response.usage.cached},
        "completion_tokens_details": {"reasoning_tokens": response.usage.reasoning},
    }


def stream(response: ModelResponse, body: Json, number: int, ids: list[str]) -> Iterator[bytes]:
    """The stream's records. `number` makes the response's id, `ids` are those of its calls, in order."""
    head = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}

    def chunk(delta: Json, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _record({**head, "choices": [choice]})

    yield chunk({"role": "assistant", "content": ""})
    remaining_ids = list(ids)
    for piece in response.pieces:
        if isinstance(piece, Raw):
            yield piece.data
        else:
            index = len(ids) - len(remaining_ids)
            yield from (chunk(delta) for delta in _deltas(piece, index, remaining_ids))
    if response.ending != "finish":
        return
    yield chunk({}, _FINISH_REASONS[response.finish_reason])
    if (body.get("stream_options") or {}).get("include_usage"):
        yield _record({**head, "choices": [], "usage": usage(response)})
    yield b"data: [DONE]\n\n"


def _record(value: Json) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def _deltas(piece: Piece, index: int, ids: list[str]) -> Iterator[Json]:
    match piece:
        case Text(text):
            yield from ({"content": part} for part in split(text))
        case Reasoning(text):
            yield from ({"reasoning_content": part} for part in split(text))
        case Call(name):
            start = {"name": name, "arguments": ""}
            yield {"tool_calls": [{"index": index, "id": ids.pop(0), "type": "function", "function": start}]}
            for part in split(arguments_text(piece), 11):
                yield {"tool_calls": [{"index": index, "function": {"arguments": part}}]}


def whole(response: ModelResponse, body: Json, number: int, ids: list[str]) -> Json:
    message: Json = {
        "role": "assistant",
        "content": "".join(p.text for p in response.pieces if isinstance(p, Text)) or None,
    }
    if thinking := "".join(p.text for p in response.pieces if isinstance(p, Reasoning)):
        message["reasoning_content"] = thinking
    calls = [piece for piece in response.pieces if isinstance(piece, Call)]
    if calls:
        message["tool_calls"] = [
            {"id": id_, "type": "function", "function": {"name": call.name, "arguments": arguments_text(call)}}
            for id_, call in zip(ids, calls, strict=True)
        ]
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": _FINISH_REASONS[response.finish_reason],
        "logprobs": None,
    }
    head = {"id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1, "model": body["model"]}
    return {**head, "choices": [choice], "usage": usage(response)}
