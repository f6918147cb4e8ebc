"""A scripted response as the Messages API sends it, streamed or whole."""

import hashlib
import json
from collections.abc import Iterator

from tests.e2e.scripted_response import Call, Json, ModelResponse, Piece, Raw, Reasoning, Text, split
from tests.e2e.write_chat import arguments_text

_FINISH_REASONS = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens", "content_filter": "refusal"}
_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def error_body(status: int, message: str, more: Json) -> bytes:
    error = {"type": _ERRORS.get(status, "api_error"), "message": message, **more}
    return json.dumps({"type": "error", "error": error, "request_id": "req_1"}).encode()


def signature(thinking: str) -> str:
    """As opaque as the real one, and only good for this text."""
    return "sig+" + hashlib.sha256(thinking.encode()).hexdigest()


def usage(response: ModelResponse) -> Json:
    """Anthropic's input leaves out what came from the cache."""
    return {
        "input_tokens": response.usage.input - response.usage.cached,
        "cache_read_input_tokens": response.usage.cached,
        "cache_creation_input_tokens": 0,
        "output_tokens": response.usage.output,
    }


def stream(response: ModelResponse, body: Json, number: int, ids: list[str]) -> Iterator[bytes]:
    """The stream's records. `number` makes the response's id, `ids` are those of its calls, in order."""
    message = {**_head(body, number), "content": [], "stop_reason": None, "stop_sequence": None}
    yield _record({"type": "message_start", "message": {**message, "usage": {**usage(response), "output_tokens": 1}}})
    yield _record({"type": "ping"})
    remaining_ids, index = list(ids), 0
    for piece in response.pieces:
        if isinstance(piece, Raw):
            yield piece.data
            continue
        yield from _block(
            piece, index, remaining_ids, closed=response.ending == "finish" or piece is not response.pieces[-1]
        )
        index += 1
    if response.ending != "finish":
        return
    delta = {"stop_reason": _FINISH_REASONS[response.finish_reason], "stop_sequence": None}
    yield _record({"type": "message_delta", "delta": delta, "usage": usage(response)})
    yield _record({"type": "message_stop"})


def _record(value: Json) -> bytes:
    return f"event: {value['type']}\ndata: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


def _head(body: Json, number: int) -> Json:
    return {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": body["model"]}


def _block(piece: Piece, index: int, ids: list[str], *, closed: bool) -> Iterator[bytes]:
    start, deltas = _parts(piece, ids)
    yield _record({"type": "content_block_start", "index": index, "content_block": start})
    for delta in deltas:
        yield _record({"type": "content_block_delta", "index": index, "delta": delta})
    if closed:
        yield _record({"type": "content_block_stop", "index": index})


def _parts(piece: Piece, ids: list[str]) -> tuple[Json, list[Json]]:
    match piece:
        case Text(text):
            return {"type": "text", "text": ""}, [{"type": "text_delta", "text": part} for part in split(text)]
        case Reasoning(text):
            deltas: list[Json] = [{"type": "thinking_delta", "thinking": part} for part in split(text)]
            deltas.append({"type": "signature_delta", "signature": signature(text)})
            return {"type": "thinking", "thinking": "", "signature": ""}, deltas
        case Call(name):
            parts = ["", *split(arguments_text(piece), 11)]
            start = {"type": "tool_use", "id": ids.pop(0), "name": name, "input": {}}
            return start, [{"type": "input_json_delta", "partial_json": part} for part in parts]
        case _:
            raise AssertionError(f"no block for {piece}")


def whole(response: ModelResponse, body: Json, number: int, ids: list[str]) -> Json:
    remaining_ids = list(ids)
    content: list[Json] = []
    for piece in response.pieces:
        match piece:
            case Text(text):
                content.append({"type": "text", "text": text})
            case Reasoning(text):
                content.append({"type": "thinking", "thinking": text, "signature": signature(text)})
            case Call(name):
                value = json.loads(arguments_text(piece) or "{}")
                content.append({"type": "tool_use", "id": remaining_ids.pop(0), "name": name, "input": value})
    ended = {"stop_reason": _FINISH_REASONS[response.finish_reason], "stop_sequence": None, "usage": usage(response)}
    return {**_head(body, number), "content": content, **ended}
