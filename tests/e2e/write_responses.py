"""A scripted response as a Responses server sends it: just enough for what passes through untouched."""

import json
from collections.abc import Iterator

from tests.e2e.scripted_response import Call, Json, ModelResponse, Piece, Raw, Reasoning, Text
from tests.e2e.write_chat import arguments_text, error_body

__all__ = ["error_body", "stream", "whole"]


def stream(response: ModelResponse, body: Json, number: int, ids: list[str]) -> Iterator[bytes]:
    yield _record({"type": "response.created", "response": {"id": f"resp_{number}"}})
    for piece in response.pieces:
        if isinstance(piece, Raw):
            yield piece.data
    for index, item in enumerate(_items(response, list(ids))):
        yield _record({"type": "response.output_item.done", "output_index": index, "item": item})
    if response.ending == "finish":
        yield _record({"type": "response.completed", "response": whole(response, body, number, ids)})


def _record(value: Json) -> bytes:
    return f"event: {value['type']}\ndata: {json.dumps(value)}\n\n".encode()


def _items(response: ModelResponse, ids: list[str]) -> list[Json]:
    return [_item(piece, ids) for piece in response.pieces if not isinstance(piece, Raw)]


def _item(piece: Piece, ids: list[str]) -> Json:
    match piece:
        case Text(text):
            part = {"type": "output_text", "text": text, "annotations": []}
            return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
        case Reasoning(text):
            return {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": text}]}
        case Call(name):
            arguments = arguments_text(piece)
            return {"type": "function_call", "call_id": ids.pop(0), "name": name, "arguments": arguments}
        case _:
            raise AssertionError(f"no item for {piece}")


def whole(response: ModelResponse, body: Json, number: int, ids: list[str]) -> Json:
    total = response.usage.input + response.usage.output
    counts = {"input_tokens": response.usage.input, "output_tokens": response.usage.output, "total_tokens": total}
    head = {"id": f"resp_{number}", "object": "response", "model": body["model"], "status": "completed"}
    return {**head, "output": _items(response, list(ids)), "usage": counts}
