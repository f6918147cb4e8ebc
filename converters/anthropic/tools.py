"""The tools on offer, and whether and which of them the model may call.

Tools lowered to functions are offered as they are; web_search as the provider spells it, other hosted tools are a loss.

| Responses                                     | Anthropic                         |
|-----------------------------------------------|-----------------------------------|
| auto, or nothing                              | nothing, which means auto         |
| required                                      | any                               |
| a function or custom tool                     | tool                              |
| none                                          | none                              |
| allowed_tools                                 | its mode, over all tools: a loss  |
| parallel_tool_calls: false                    | disable_parallel_tool_use: true   |

https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/implement-tool-use#forcing-tool-use
"""

from converters import tools
from converters.anthropic.dialect import AnthropicDialect
from converters.errors import RequestError
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import wire
from converters.tools import Function, Toolbox, root_unions

_WORDS: dict[str, Json] = {"auto": {"type": "auto"}, "required": {"type": "any"}, "none": {"type": "none"}}


def offered(toolbox: Toolbox, dialect: AnthropicDialect, losses: Losses) -> list[Json]:
    functions = [_tool(function, dialect, losses) for function in toolbox.functions]
    return functions + toolbox.hosted_upstream(dialect, losses)


def _tool(function: Function, dialect: AnthropicDialect, losses: Losses) -> Json:
    described = {"description": function.description} if function.description else {}
    strict = {"strict": True} if dialect.strict_tools and function.strict else {}
    if function.strict and not strict:
        losses.note(function.path, "strict", "this upstream does not promise a call's form")
    # "input_schema does not support oneOf, allOf, or anyOf at the top level"
    parameters = root_unions.without(function.parameters, function.path, losses)
    return {"name": function.name, **described, "input_schema": parameters, **strict}


def bare(name: str) -> Json:
    """A tool that the history calls and the request does not offer."""
    return {"name": name, "description": "No longer available.", "input_schema": {"type": "object", "properties": {}}}


class ToolChoice:
    """A request's choice. `relax` gives up a forced one."""

    def __init__(self, request: wire.Request, toolbox: Toolbox, losses: Losses) -> None:
        self._losses = losses
        self._toolbox = toolbox
        self._one_at_a_time = request.parallel_tool_calls is False
        self._field = self._read(request.tool_choice)

    @property
    def forces(self) -> bool:
        return self._field["type"] in ("any", "tool")

    def relax(self, why: str) -> None:
        self._losses.note("tool_choice", self._field["type"], why)
        self._field = _WORDS["auto"]

    def field(self) -> Json | None:
        if self._field["type"] == "none":
            return self._field
        if self._one_at_a_time:
            return {**self._field, "disable_parallel_tool_use": True}
        return None if self._field == _WORDS["auto"] else self._field

    def _read(self, choice: str | Json | None) -> Json:
        match choice:
            case None:
                return _WORDS["auto"]
            case str() if choice in _WORDS:
                return _WORDS[choice]
            case {"type": "allowed_tools", "mode": "auto" | "required" as mode}:
                self._losses.note("tool_choice", "allowed_tools", "the upstream cannot narrow the tools for one turn")
                return _WORDS[mode]
            case {"type": "function" | "custom", "name": str(name), **rest}:
                return {"type": "tool", "name": self._offered(name, str(rest.get("namespace") or ""))}
            case _:
                self._losses.note("tool_choice", str(choice), "the upstream knows no such choice")
                return _WORDS["auto"]

    def _offered(self, name: str, namespace: str) -> str:
        flat = tools.flat_name(name, namespace)
        found = self._toolbox.find(flat)
        if found is None:
            raise RequestError(f"tool_choice names {flat!r}, which is not offered", param="tool_choice")
        return found.name
