"""What a request offers of tools: Codex's kinds, lowered to plain functions.

| Codex offers                 | the upstream is offered              | and what it calls comes back as                |
|------------------------------|--------------------------------------|------------------------------------------------|
| function                     | the function                         | function_call                                  |
| namespace of functions       | functions named `namespace__name`    | function_call with namespace and bare name     |
| namespace `functions`        | functions named `name`               | as above, namespace included                   |
| custom (freeform)            | a function of one string, `input`    | custom_tool_call with the bare text            |
| tool_search                  | the function `tool_search`           | tool_search_call, arguments an object          |
| additional_tools (an item)   | joined with the tools                |                                                |
| tool_search_output (an item) | its tools joined with the tools      |                                                |
| web_search, other hosted     | the provider's declared policy       |                                                |

Codex's output for a call of the wrong kind is "aborted".
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from converters.dialect import Dialect
from converters.errors import RequestError
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import wire
from converters.tools.names import DEFAULT_NAMESPACE, INPUT, TOOL_SEARCH, flat_name, is_refused, loose

type Kind = Literal["function", "custom", "tool_search"]


@dataclass(frozen=True, slots=True)
class Function:
    """One lowered tool: what is offered upstream, and what it was."""

    name: str
    description: str
    parameters: Json
    strict: bool | None
    kind: Kind
    original: str
    namespace: str | None
    path: str


@dataclass(slots=True)
class Toolbox:
    """All tools of one request. `hosted` are those that a provider would have to run, each with its path."""

    functions: list[Function] = field(default_factory=list)
    hosted: list[tuple[str, wire.HostedTool]] = field(default_factory=list)
    _by_name: dict[str, Function] = field(default_factory=dict)
    _by_loose_name: dict[str, Function | None] | None = None

    def find(self, name: str) -> Function | None:
        """The tool that a model means: its exact name, else the one that differs only in how it is joined or cased."""
        return self._by_name.get(name) or self._loose_names().get(loose(name))

    def _loose_names(self) -> dict[str, Function | None]:
        """Made when a model first gets a name wrong: most never do."""
        if self._by_loose_name is None:
            self._by_loose_name = {}
            for function in self._by_name.values():
                for loose_name in {loose(function.name), loose(function.original)}:
                    # Two tools that differ only so are told apart by their exact names alone.
                    self._by_loose_name[loose_name] = None if loose_name in self._by_loose_name else function
        return self._by_loose_name

    def leave_out(self, refused: Collection[str], losses: Losses) -> None:
        """Offers no tool that one of the globs names. A call of it in the history is still understood."""
        for function in self.functions:
            if is_refused(function.name, refused):
                losses.note(function.path, function.name, "this upstream is not offered it")
        self.functions = [function for function in self.functions if not is_refused(function.name, refused)]

    def hosted_upstream(self, dialect: Dialect, losses: Losses) -> list[Json]:
        """The upstream's own tool in place of a hosted web search, once; every other hosted tool is a loss."""
        found: list[Json] = []
        for path, tool in self.hosted:
            if tool.type.startswith("web_search") and dialect.web_search == "native" and dialect.web_search_tool:
                found = [dialect.web_search_tool]
            else:
                losses.note(path, tool.type, "this upstream does not run such a tool")
        return found

    def add(self, function: Function) -> None:
        known = self._by_name.get(function.name)
        if known is None:
            self.functions.append(function)
            self._by_name[function.name] = function
            self._by_loose_name = None
        elif (known.original, known.namespace or DEFAULT_NAMESPACE) != (
            function.original,
            function.namespace or DEFAULT_NAMESPACE,
        ):
            raise RequestError(
                f"two tools have the same name upstream, {function.name!r}: {known.path} and {function.path}",
                param=function.path,
            )


def lower(request: wire.Request) -> Toolbox:
    """Every tool that the request offers, wherever it stands. The same tool offered twice counts once, first wins.

    Raises:
        RequestError: two different tools would have the same name upstream.
    """
    box = Toolbox()
    for path, tools in _declarations(request):
        for index, tool in enumerate(tools):
            _lower(box, tool, None, f"{path}[{index}]")
    return box


def _declarations(request: wire.Request) -> Iterator[tuple[str, list[wire.Tool]]]:
    if request.tools:
        yield "tools", request.tools
    for index, item in enumerate(request.input):
        if isinstance(item, wire.AdditionalToolsItem | wire.ToolSearchOutputItem):
            yield f"input[{index}].tools", item.tools


def _lower(box: Toolbox, tool: wire.Tool, namespace: str | None, path: str) -> None:
    match tool:
        case wire.FunctionTool(name=name):
            parameters = _parameters(tool.parameters)
            box.add(_function(name, namespace, path, "function", tool.description or "", parameters, tool.strict))
        case wire.CustomTool(name=name):
            box.add(_function(name, namespace, path, "custom", _custom_description(tool), _custom_parameters(), None))
        case wire.ToolSearchTool():
            parameters = _parameters(tool.parameters)
            box.add(_function(TOOL_SEARCH, None, path, "tool_search", tool.description or "", parameters, None))
        case wire.NamespaceTool(name=name, tools=tools):
            for index, inner in enumerate(tools):
                _lower(box, inner, name, f"{path}.tools[{index}]")
        case wire.HostedTool():
            box.hosted.append((path, tool))


def _function(
    name: str, namespace: str | None, path: str, kind: Kind, description: str, parameters: Json, strict: bool | None
) -> Function:
    return Function(flat_name(name, namespace), description, parameters, strict, kind, name, namespace, path)


# --- what is offered ---


def _parameters(schema: Json | None) -> Json:
    """A schema with `type: object`, without Codex's own `encrypted` marks on properties."""
    if not schema:
        return {"type": "object", "properties": {}}
    clean = _without_marks(schema)
    if clean.get("type") != "object":
        clean = {**clean, "type": "object"}
    return clean if "properties" in clean else {**clean, "properties": {}}


_NAMED = {"properties", "$defs", "definitions"}


def _without_marks(schema: Any) -> Any:
    """`"encrypted": true` is a mark on a schema; a property that is named so stands under `properties` and stays."""
    if isinstance(schema, dict):
        return {
            key: value if isinstance(value, str) else _without_marks_under(key, value)
            for key, value in schema.items()
            if key != "encrypted" or not isinstance(value, bool)
        }
    return [_without_marks(inner) for inner in schema] if isinstance(schema, list) else schema


def _without_marks_under(key: str, value: Any) -> Any:
    if key in _NAMED and isinstance(value, dict):
        return {name: _without_marks(inner) for name, inner in value.items()}
    return _without_marks(value)


def _custom_parameters() -> Json:
    return {
        "type": "object",
        "properties": {INPUT: {"type": "string", "description": "The whole input of the tool, as plain text."}},
        "required": [INPUT],
        "additionalProperties": False,
    }


def _custom_description(tool: wire.CustomTool) -> str:
    """The grammar is all that a model knows of a freeform tool's language: it moves into the description."""
    text = (tool.description or "").strip()
    note = f"Put the whole text into `{INPUT}`, exactly as it is to be, with no code fence around it."
    grammar = (tool.format or {}).get("definition")
    if not isinstance(grammar, str):
        return f"{text}\n\n{note}".strip()
    syntax = (tool.format or {}).get("syntax") or "grammar"
    return f"{text}\n\n{note} It must match this grammar ({syntax}):\n{grammar}".strip()


def callable_names(offered: Iterable[wire.Tool], namespace: str | None = None) -> Iterator[str]:
    """What the functions among some tools are called upstream."""
    for tool in offered:
        match tool:
            case wire.NamespaceTool():
                yield from callable_names(tool.tools, tool.name)
            case wire.FunctionTool() | wire.CustomTool():
                yield flat_name(tool.name, namespace)
