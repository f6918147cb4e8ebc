"""Why an Anthropic response ended, in everybody's words."""

from converters.errors import Fault, Kind
from converters.events import StopReason

_STOP: dict[str, StopReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "pause",
    "refusal": "content_filter",
    "sensitive": "content_filter",  # Z.AI's word
}

_BROKEN: dict[str, Kind] = {"error": "server", "abort": "server", "aborted": "server", "network_error": "server"}
"""Reasons of hosts whose own upstream broke off."""


def stop_reason(reason: str) -> StopReason:
    """An unknown reason is a plain stop: the response is there."""
    return _STOP.get(reason, "stop")


def broken(provider_name: str, reason: str, explanation: str) -> Fault | None:
    """The fault of a response that ended because something went wrong upstream."""
    if (kind := _BROKEN.get(reason)) is None:
        return None
    explained = f": {explanation}" if explanation else ""
    return Fault(kind, f"{provider_name} broke the answer off ({reason}{explained})")
