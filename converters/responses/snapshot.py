"""The Response object that stands in `response.created`, `response.in_progress` and the terminal event.

Every field of the published object is there, null or its documented default where the client set nothing: what the
client did set is echoed as it came. `store`, `presence_penalty` and `frequency_penalty` are in OpenAI's own and in
the Open Responses specification, though not in OpenAI's published Python types.
https://developers.openai.com/api/reference/resources/responses · https://www.openresponses.org/specification
"""

import hashlib
import re

from converters import jsontext
from converters.events import UsageReported
from converters.jsontext import Json
from converters.responses import wire

_DEFAULTS: Json = {
    "background": False,
    "frequency_penalty": 0.0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}

_KNOWN_PREFIX = re.compile(r"^(?:chatcmpl-|cmpl-|msg_|gen-|resp_)+")
_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]")
_MAX_TAIL = 48


def tail_of(upstream_id: str, request: wire.Request, created_at: int) -> str:
    """What all ids of one response end in: taken from the upstream's id, so that a response can be found in its logs.

    Codex sends an item's id back only in the form `<letters and digits>_<something>`.
    """
    tail = _ILLEGAL.sub("", _KNOWN_PREFIX.sub("", upstream_id))[:_MAX_TAIL]
    return tail or _digest(request, created_at)


def _digest(request: wire.Request, created_at: int) -> str:
    raw = {name: value for name, value in request.raw.items() if name != "stream"}  # the same ids with and without
    return hashlib.sha256(jsontext.dumps([raw, created_at])).hexdigest()[:24]


def blank(request: wire.Request, response_id: str, created_at: int) -> Json:
    """The Response before any output."""
    raw = request.raw
    return {
        "id": response_id,
        "object": "response",
        "created_at": created_at,
        "completed_at": None,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": request.model,
        "output": [],
        "usage": None,
        "reasoning": {"effort": None, "summary": None, **(raw.get("reasoning") or {})},
        "text": _text(raw),
        "tools": [_tool(tool) for tool in raw.get("tools") or []],
        **{key: default if raw.get(key) is None else raw[key] for key, default in _DEFAULTS.items()},
    }


def _text(raw: Json) -> Json:
    text: Json = raw.get("text") or {}
    form: Json = text.get("format") or {"type": "text"}
    if form.get("type") == "json_schema":
        form = {"description": None, "strict": False, **form}
    return {**text, "format": form}


def _tool(tool: Json) -> Json:
    """As sent; the specification wants all fields of a function there."""
    if tool.get("type") != "function":
        return tool
    return {"description": None, "parameters": None, "strict": None, **tool}


def usage(report: UsageReported) -> Json:
    return {
        "input_tokens": report.input_tokens,
        "input_tokens_details": {
            "cached_tokens": report.cached_tokens,
            "cache_write_tokens": report.cache_write_tokens,
        },
        "output_tokens": report.output_tokens,
        "output_tokens_details": {"reasoning_tokens": report.reasoning_tokens},
        "total_tokens": report.input_tokens + report.output_tokens,
    }
