"""A scripted answer as a Responses server says it: just enough for what passes through untouched."""

import json
from collections.abc import Iterator

from tests.e2e.answers import Call, Json, Piece, Raw, Say, Text, Think
from tests.e2e.speak_chat import arguments_text, error_body

__all__ = ["error_body", "stream", "whole"]


def stream(say: Say, body: Json, number: int, ids: list[str]) -> Iterator[bytes]:
    yield _record({"type": "response.created", "response": {"id": f"resp_{number}"}})
    for piece in say.pieces:
        if isinstance(piece, Raw):
            yield piece.data
    for index, item in enumerate(_items(say, list(ids))):
        yield _record({"type": "response.output_item.done", "output_index": index, "item": item})
    if say.ends == "finish":
        yield _record({"type": "response.completed", "response": whole(say, body, number, ids)})


def _record(value: Json) -> bytes:
    return f"event: {value['type']}\ndata: {json.dumps(value)}\n\n".encode()


def _items(say: Say, ids: list[str]) -> list[Json]:
    return [_item(piece, ids) for piece in say.pieces if not isinstance(piece, Raw)]


def _item(piece: Piece, ids: list[str]) -> Json:
    match piece:
        case Text(text):
            part = {"type": "output_text", "text": text, "annotations": []}
            return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
        case Think(text):
            return {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": text}]}
        case Call(name):
            arguments = arguments_text(piece)
            return {"type": "function_call", "call_id": ids.pop(0), "name": name, "arguments": arguments}
        case _:
            raise AssertionError(f"no item for {piece}")


def whole(say: Say, body: Json, number: int, ids: list[str]) -> Json:
    total = say.usage.input + say.usage.output
    counts = {"input_tokens": say.usage.input, "output_tokens": say.usage.output, "total_tokens": total}
    head = {"id": f"resp_{number}", "object": "response", "model": body["model"], "status": "completed"}
    return {**head, "output": _items(say, list(ids)), "usage": counts}
