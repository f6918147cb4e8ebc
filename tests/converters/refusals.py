"""What an upstream's refusal teaches, asked as addons ask it."""

from typing import Any

from converters import jsontext
from converters.conversion import Conversion, Upstream
from converters.dialect import DialectChange
from converters.jsontext import Json
from converters.protocols import PROTOCOLS
from tests.converters.conversions import open_with, request_body

PICTURE = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}
FILE = {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}
CALLED: list[Json] = [
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}, PICTURE, FILE]},
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
    {"type": "function_call", "call_id": "call_1", "name": "run", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "call_1", "output": "done"},
    {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be short."}]},
]
SCHEMA = {
    "type": "object",
    "properties": {"a": {"const": 1}, "b": True},
    "anyOf": [{"required": ["a"]}],
    "additionalProperties": False,
}
EVERYTHING: Json = request_body(
    input=CALLED,
    instructions="You help.",
    reasoning={"effort": "high", "summary": "auto"},
    tools=[{"type": "function", "name": "run", "parameters": SCHEMA, "strict": True}],
    parallel_tool_calls=True,
    tool_choice="required",
    temperature=0.2,
    top_p=0.9,
    prompt_cache_key="k",
    store=False,
    text={"verbosity": "low", "format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}},
)
"""A request that holds something of all that may be refused."""


def error_body(message: str, **fields: Any) -> bytes:
    return jsontext.dumps({"error": {"message": message, "type": "invalid_request_error", **fields}})


def refused(
    protocol: str, flags: Json, body: bytes, raw: Json | None = None, *, status: int = 400, **how: Any
) -> Conversion:
    upstream = Upstream("Acme", protocol, "model-x", PROTOCOLS[protocol].dialect(**flags))
    conversion = open_with(upstream, raw or EVERYTHING, **how)
    conversion.refused(status, {}, body)
    return conversion


def lesson(
    protocol: str, flags: Json, body: bytes, raw: Json | None = None, *, status: int = 400
) -> DialectChange | None:
    return refused(protocol, flags, body, raw, status=status).lesson
