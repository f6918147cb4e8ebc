"""The tools on offer and which of them is to be called.

| Responses                                   | Chat Completions                                                      |
|---------------------------------------------|-----------------------------------------------------------------------|
| tools (lowered to functions)                | tools: [{type: function, function: {...}}]                            |
| web_search                                  | the host's own search tool (`web_search: native`), else a loss        |
| other hosted tools                          | a loss                                                                |
| tool_choice auto                            | left out: it is the default                                           |
| tool_choice none, required                  | the same word; none means no tools where only the default is taken    |
| tool_choice of one tool                     | its lowered name, or the only tool on offer and `required`            |
| tool_choice allowed_tools                   | only these are on offer                                               |
| parallel_tool_calls                         | the same where known; else only to forbid it                          |
"""

from typing import Any

from converters import tools
from converters.chat import tool_schema
from converters.chat.dialect import ChatDialect
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import wire
from converters.tools import Function, Toolbox

_CHOICE = "tool_choice"


def fields(request: wire.Request, toolbox: Toolbox, dialect: ChatDialect, losses: Losses) -> Json:
    """The body's `tools`, `tool_choice` and `parallel_tool_calls`, as far as there is anything to send."""
    functions, choice = _chosen(request.tool_choice, toolbox.functions, dialect, losses)
    offered = [_tool(function, dialect, losses) for function in functions] + toolbox.hosted_upstream(dialect, losses)
    if not offered:
        return {"tools": []} if dialect.empty_tools and _has_calls(request) else {}
    found: Json = {"tools": offered}
    if choice is not None:
        found[_CHOICE] = choice
    parallel = request.parallel_tool_calls
    if parallel is not None and (dialect.parallel_tool_calls or not parallel):
        found["parallel_tool_calls"] = parallel
    return found


def _tool(function: Function, dialect: ChatDialect, losses: Losses) -> Json:
    parameters = tool_schema.of_tool(function.parameters, dialect, function.path, losses)
    described: Json = {"name": function.name, "parameters": parameters}
    if function.description:
        described["description"] = function.description
    if dialect.strict_tools and function.strict is not None:
        described["strict"] = function.strict
    elif function.strict:
        losses.note(function.path, "strict", "this upstream does not promise a call's form")
    return {"type": "function", "function": described}


def _has_calls(request: wire.Request) -> bool:
    kinds = wire.FunctionCallItem | wire.CustomCallItem | wire.ToolSearchCallItem
    return any(isinstance(item, kinds) for item in request.input)


def _chosen(
    requested: str | Json | None, functions: list[Function], dialect: ChatDialect, losses: Losses
) -> tuple[list[Function], str | Json | None]:
    """The functions to offer and the choice to send, None for the default."""
    if isinstance(requested, dict) and requested.get("type") == "allowed_tools":
        functions = _among(functions, requested.get("tools"))
        requested = mode if isinstance(mode := requested.get("mode"), str) else None
    if requested is None or requested == "auto":
        return functions, None
    if requested == "none":
        return ([], None) if dialect.tool_choice == "auto" else (functions, "none")
    if dialect.tool_choice == "auto":
        losses.note(_CHOICE, str(requested), "this upstream chooses its tools itself")
        return functions, None
    if requested == "required":
        return functions, "required"
    if isinstance(requested, str):
        losses.note(_CHOICE, requested, "the upstream knows no such choice")
        return functions, None
    return _named(requested, functions, dialect, losses)


def _named(
    requested: Json, functions: list[Function], dialect: ChatDialect, losses: Losses
) -> tuple[list[Function], str | Json | None]:
    named = next(iter(_among(functions, [requested])), None)
    if named is None:
        losses.note(_CHOICE, str(requested.get("name") or requested.get("type")), "no such tool is on offer here")
        return functions, None
    if dialect.tool_choice == "strings":
        return [named], "required"
    return functions, {"type": "function", "function": {"name": named.name}}


def _among(functions: list[Function], requested: Any) -> list[Function]:
    """The functions that a list of {type, name, namespace?} names, by the client's names for them."""
    names = (
        {_name(choice) for choice in requested if isinstance(choice, dict)} if isinstance(requested, list) else set()
    )
    return [
        function
        for function in functions
        if {(function.original, None), (function.original, function.namespace)} & names
    ]


def _name(requested: Json) -> tuple[str, str | None]:
    """Name and namespace, None for any; of what names nothing, a name that no tool has."""
    name, namespace = requested.get("name"), requested.get("namespace")
    if not name and requested.get("type") == tools.TOOL_SEARCH:
        name = tools.TOOL_SEARCH
    return name if isinstance(name, str) else "", namespace if isinstance(namespace, str) else None
