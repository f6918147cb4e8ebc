"""Tools as Codex offers them."""

from typing import Any

from converters import tools
from converters.jsontext import Json
from converters.responses import wire


def box(*declared: Json, items: list[Json] | None = None) -> tools.Toolbox:
    return tools.lower(wire.read({"model": "m", "input": items or [], "tools": list(declared)}))


def function(name: str, **fields: Any) -> Json:
    return {"type": "function", "name": name, **fields}


def namespace(name: str, *members: Json) -> Json:
    return {"type": "namespace", "name": name, "tools": list(members)}


CUSTOM = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edits files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: begin_patch"},
}


def names(toolbox: tools.Toolbox) -> list[str]:
    return [element.name for element in toolbox.functions]
