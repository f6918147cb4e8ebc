"""Why a chat answer ended, in everybody's words."""

from typing import Any

from converters import errors
from converters.errors import Fault, Kind
from converters.events import StopReason
from converters.jsontext import Json

_STOP: dict[str, StopReason] = {
    "stop": "stop",
    "eos": "stop",
    "end": "stop",
    "end_turn": "stop",
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "content_filter": "content_filter",
    "sensitive": "content_filter",
    "refusal": "content_filter",
    "safety": "content_filter",
}

_BROKEN: dict[str, Kind] = {
    "error": "server",
    "network_error": "server",
    "insufficient_system_resource": "overloaded",
}


def stop_reason(said: str) -> StopReason:
    """A word that nobody knows is a plain stop: the answer is there."""
    return _STOP.get(said.lower(), "stop")


def broken(who: str, choice: Json) -> Fault | None:
    """The fault in a choice that ended because something went wrong upstream."""
    if error := choice.get("error"):
        return errors.from_stream(who, error)
    said = str(choice.get("finish_reason") or "")
    if (kind := _BROKEN.get(said)) is None:
        return None
    native = choice.get("native_finish_reason")
    why = f"{said}: {native}" if native and native != said else said
    return Fault(kind, f"{who} broke the answer off ({why})")


def error_in(who: str, chunk: Json, *, named_error: bool = False) -> Fault | None:
    """The fault in a 200 answer's chunk or body, in any of the field's forms; `named_error`: the event line said so."""
    if error := chunk.get("error"):
        return errors.from_stream(who, error)
    status: Any = (chunk.get("base_resp") or {}).get("status_code")
    if status:
        return errors.from_stream(who, chunk)
    if named_error or chunk.get("object") == "error" or chunk.get("success") is False:
        return errors.from_stream(who, chunk)
    return None
