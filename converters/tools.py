"""Codex's tool kinds, lowered to plain functions and lifted back.

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

Names are cut to 64 of [a-zA-Z0-9_-]: what does not fit gets a hash of the whole name as its tail, so that the same tool
has the same name in every turn and no two share one. Codex answers a call of the wrong kind with "aborted".
"""

import fnmatch
import hashlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from converters import jsontext
from converters.errors import RequestError
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import wire

type Kind = Literal["function", "custom", "tool_search"]

TOOL_SEARCH = "tool_search"
INPUT = "input"
"""The one parameter of a lowered custom tool."""

_MAX_NAME = 64
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")
_DEFAULT_NAMESPACE = "functions"


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
        return self._by_name.get(name) or self._loose_names().get(_loose(name))

    def _loose_names(self) -> dict[str, Function | None]:
        """Made when a model first gets a name wrong: most never do."""
        if self._by_loose_name is None:
            self._by_loose_name = {}
            for function in self._by_name.values():
                for loose in {_loose(function.name), _loose(function.original)}:
                    # Two tools that differ only so are told apart by their exact names alone.
                    self._by_loose_name[loose] = None if loose in self._by_loose_name else function
        return self._by_loose_name

    def leave_out(self, refused: Collection[str], losses: Losses) -> None:
        """Offers no tool that one of the globs names. A call of it in the history is still understood."""
        for function in self.functions:
            if is_refused(function.name, refused):
                losses.note(function.path, function.name, "this upstream is not offered it")
        self.functions = [one for one in self.functions if not is_refused(one.name, refused)]

    def add(self, function: Function) -> None:
        known = self._by_name.get(function.name)
        if known is None:
            self.functions.append(function)
            self._by_name[function.name] = function
            self._by_loose_name = None
        elif (known.original, known.namespace or _DEFAULT_NAMESPACE) != (
            function.original,
            function.namespace or _DEFAULT_NAMESPACE,
        ):
            raise RequestError(
                f"two tools have the same name upstream, {function.name!r}: {known.path} and {function.path}",
                param=function.path,
            )


def is_refused(name: str, refused: Collection[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, glob) for glob in refused)


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
            for index, one in enumerate(tools):
                _lower(box, one, name, f"{path}.tools[{index}]")
        case wire.HostedTool():
            box.hosted.append((path, tool))


def _function(
    name: str, namespace: str | None, path: str, kind: Kind, description: str, parameters: Json, strict: bool | None
) -> Function:
    return Function(flat_name(name, namespace), description, parameters, strict, kind, name, namespace, path)


def flat_name(name: str, namespace: str | None) -> str:
    """The upstream's name of a tool: the same for the offer and the history's calls, whether still offered or not."""
    full = name if namespace in (None, "", _DEFAULT_NAMESPACE) else f"{namespace}__{name}"
    clean = _ILLEGAL.sub("_", full)
    if clean == full and len(full) <= _MAX_NAME:
        return full
    tail = hashlib.sha256(full.encode()).hexdigest()[:8]
    return f"{clean[: _MAX_NAME - 9]}_{tail}"


_PREFIXES = re.compile(r"^(functions|default_api|tools)[.:]+")
_JOINS = re.compile(r"[^a-z0-9]+")


def _loose(name: str) -> str:
    """A name without what models get wrong: leaked control tokens, a prefix, how parts are joined, upper case."""
    return _JOINS.sub("_", _PREFIXES.sub("", name.split("<|", 1)[0].strip()).lower())


# --- what is offered ---


def _parameters(schema: Json | None) -> Json:
    """A schema that says it is an object, without Codex's own `encrypted` marks on properties."""
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
    return [_without_marks(one) for one in schema] if isinstance(schema, list) else schema


def _without_marks_under(key: str, value: Any) -> Any:
    if key in _NAMED and isinstance(value, dict):
        return {name: _without_marks(one) for name, one in value.items()}
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


# --- the history's calls ---


def lower_call(call: wire.CallItem) -> tuple[str, str]:
    """A call of the history as the function's name and its arguments, JSON text of an object."""
    match call:
        case wire.FunctionCallItem():
            return flat_name(call.name, call.namespace), object_text(call.arguments)
        case wire.CustomCallItem():
            return flat_name(call.name, call.namespace), jsontext.dumps({INPUT: call.input}).decode()
        case wire.ToolSearchCallItem():
            given = call.arguments
            text = given if isinstance(given, str) else jsontext.dumps(given or {}).decode()
            return TOOL_SEARCH, object_text(text)


MALFORMED = "malformed_arguments"
"""The key under which arguments that are no JSON object are sent back to the model that wrote them."""


def object_text(arguments: str) -> str:
    """Arguments as the text of a JSON object; unchanged where they are one, so that the prefix stays cached."""
    if not arguments.strip():
        return "{}"
    value = parse_object(arguments)
    return arguments if value is not None else jsontext.dumps({MALFORMED: arguments}).decode()


def parse_object(arguments: str) -> Json | None:
    """The object in a call's arguments: empty means no arguments, anything that is not an object is None."""
    if not arguments.strip():
        return {}
    try:
        value = jsontext.loads(arguments)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def is_whole_object(arguments: str) -> bool:
    """Whether arguments show by themselves that nothing of them is missing: half an object is none."""
    return bool(arguments.strip()) and parse_object(arguments) is not None


# --- what the model calls ---


def lift(function: Function | None, name: str, call_id: str, arguments: str) -> Json:
    """The item of a finished call but for `id` and `status`. An unknown tool stays a function call: Codex answers."""
    if function is None:
        return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments or "{}"}
    where = {"namespace": function.namespace} if function.namespace else {}
    match function.kind:
        case "custom":
            text = unwrap_text(arguments)
            return {"type": "custom_tool_call", "call_id": call_id, "name": function.original, **where, "input": text}
        case "tool_search":
            found = parse_object(arguments)
            asked = {"query": arguments} if found is None else found
            return {"type": "tool_search_call", "call_id": call_id, "execution": "client", "arguments": asked}
        case "function":
            text = _integers(function.parameters, arguments) or "{}"
            return {"type": "function_call", "call_id": call_id, "name": function.original, **where, "arguments": text}


_FENCE = re.compile(r"\A\s*```[\w-]*\n(.*?)\n?```\s*\Z", re.DOTALL)
_TEXT_KEYS = (INPUT, "patch", "content", "code", "cmd", "command", "text", "arguments")


def unwrap_text(arguments: str) -> str:
    """The text in a lowered custom tool's arguments, however the model wrapped it."""
    value = _wrapped(arguments)
    found = _FENCE.match(value)
    return found.group(1) + "\n" if found else value


def _wrapped(arguments: str) -> str:
    try:
        value = jsontext.loads(arguments)
    except ValueError:
        return arguments
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        for key in _TEXT_KEYS:
            if isinstance(value.get(key), str):
                return str(value[key])
        if len(value) == 1 and isinstance(only := next(iter(value.values())), str):
            return only
    return arguments


def _integers(schema: Json, arguments: str) -> str:
    """Arguments in which 10.0 is 10 where the schema says integer (Codex refuses the float); else unchanged."""
    if ".0" not in arguments:
        return arguments
    value = parse_object(arguments)
    if value is None:
        return arguments
    fixed = _as_declared(schema, value)
    return arguments if fixed == value and str(fixed) == str(value) else jsontext.dumps(fixed).decode()


_EXACT = 2**53
"""Above this a float is no longer one certain integer."""


def _as_declared(schema: Any, value: Any) -> Any:
    if not isinstance(schema, dict):
        return value
    match value:
        case float() if value.is_integer() and abs(value) < _EXACT and schema.get("type") == "integer":
            return int(value)
        case dict():
            known = schema.get("properties")
            if not isinstance(known, dict):
                return value
            return {key: _as_declared(known.get(key), one) for key, one in value.items()}
        case list():
            return [_as_declared(schema.get("items"), one) for one in value]
        case _:
            return value
