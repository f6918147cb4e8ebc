"""Codex's kinds of tools: lowered to plain functions for every other protocol, and what is called lifted back."""

from converters.tools.calls import (
    MALFORMED,
    is_whole_object,
    lift,
    lower_call,
    object_text,
    parse_object,
    unwrap_text,
)
from converters.tools.names import INPUT, TOOL_SEARCH, flat_name, is_refused
from converters.tools.offer import Function, Kind, Toolbox, callable_names, lower

__all__ = [
    "INPUT",
    "MALFORMED",
    "TOOL_SEARCH",
    "Function",
    "Kind",
    "Toolbox",
    "callable_names",
    "flat_name",
    "is_refused",
    "is_whole_object",
    "lift",
    "lower",
    "lower_call",
    "object_text",
    "parse_object",
    "unwrap_text",
]
