"""Items of a client's request, as both protocols' tests send them."""

from typing import Any

from converters.jsontext import Json

FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {"x": {"type": "string"}}}}


def user(*parts: str | Json) -> Json:
    return {"type": "message", "role": "user", "content": [as_part(part) for part in parts or ("hi",)]}


def as_part(part: str | Json) -> Json:
    return {"type": "input_text", "text": part} if isinstance(part, str) else part


def developer(text: str) -> Json:
    return {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": text}]}


def assistant(text: str) -> Json:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


def call(call_id: str = "c", name: str = "f", arguments: str = "{}") -> Json:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}


def output(call_id: str = "c", said: Any = "done") -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": said}
