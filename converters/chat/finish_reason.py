"""Why a chat response ended, in everybody's words."""

from converters import errors
from converters.errors import Fault, Kind
from converters.events import StopReason
from converters.jsontext import Json
from converters.lenient import Reader

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
    "abort": "server",
    "aborted": "server",
    "network_error": "server",
    "insufficient_system_resource": "overloaded",
}


_GOOD = (0, "0", "", None)
"""MiniMax's codes of a response that did not fail."""


def stop_reason(reason: str) -> StopReason:
    """An unknown reason is a plain stop: the response is there."""
    return _STOP.get(reason.lower(), "stop")


def broken(provider_name: str, choice: Json, reason: str, read: Reader) -> Fault | None:
    """The fault in a choice that ended because something went wrong upstream."""
    if error := choice.get("error"):
        return errors.from_stream(provider_name, error)
    if (kind := _BROKEN.get(reason.lower())) is None:
        return None
    native = read.word(choice.get("native_finish_reason"), "choices[0].native_finish_reason")
    why = f"{reason}: {native}" if native and native != reason else reason
    return Fault(kind, f"{provider_name} broke the answer off ({why})")


def error_in(provider_name: str, chunk: Json, read: Reader, *, named_error: bool = False) -> Fault | None:
    """The fault in a 200 response's chunk or body, in any of the field's forms; `named_error`: by its event line."""
    if error := chunk.get("error"):
        return errors.from_stream(provider_name, error)
    if (base := chunk.get("base_resp")) and read.table(base, "base_resp").get("status_code") not in _GOOD:
        return errors.from_stream(provider_name, chunk)
    if named_error or chunk.get("object") == "error" or chunk.get("success") is False:
        return errors.from_stream(provider_name, chunk)
    return None
