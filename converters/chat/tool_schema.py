"""Tool schemas for hosts that know only a part of JSON Schema.

A keyword is known from a property of the same name by where it stands: names under `properties` are no keywords.
"""

from typing import Any

from converters import jsontext
from converters.chat.dialect import ChatDialect
from converters.jsontext import Json
from converters.losses import Losses
from converters.tools import root_unions

_LEFT_OUT = {
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern",
    "minItems", "maxItems", "uniqueItems", "contains", "minContains", "maxContains", "minProperties", "maxProperties",
    "patternProperties", "propertyNames", "dependentRequired", "dependentSchemas", "unevaluatedProperties",
    "unevaluatedItems", "if", "then", "else", "not", "$schema", "$id", "$comment",
    "$defs", "definitions",  # resolved where they are used
}  # fmt: skip
_ONE = {"items", "additionalProperties"}
_SEVERAL = {"anyOf", "oneOf", "allOf", "prefixItems"}
_TYPES: dict[type, str] = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def of_tool(parameters: Json, dialect: ChatDialect, path: str, losses: Losses) -> Json:
    """A tool's parameters as the upstream takes them; the very same object where it takes all of JSON Schema."""
    if not dialect.schema_unions:
        parameters = root_unions.without(parameters, path, losses)
    if dialect.schema_subset == "full":
        return parameters
    subset = _Subset(parameters, plain=dialect.schema_subset != "no_const", bare=dialect.schema_subset == "bare")
    return subset.object(parameters, ())


_MOST_RESOLVED = 2**20
_DEEPEST = 30
"""Schemas within each other. Each is two levels of JSON at most, and what is referred to has up to 128 of its own."""


class _Subset:
    """Rewrites the schemas of one tool; `root` is where its local references point.

    What is referred to is written out each time: a dozen definitions that use each other twice would be thousands of
    copies. So there is an end of it, in bytes and in depth; what comes after is any object.
    """

    def __init__(self, root: Json, *, plain: bool, bare: bool) -> None:
        self._root = root
        self._plain = plain
        self._left_out = _LEFT_OUT | {"additionalProperties"} if bare else _LEFT_OUT
        self._room = _MOST_RESOLVED
        self._sizes: dict[str, int] = {}
        self._depth = 0

    def schema(self, schema: Any, inside: tuple[str, ...]) -> Any:
        """`inside` are the references that are being resolved: one that comes again would never end."""
        if isinstance(schema, bool):
            return {} if self._plain else schema
        return self.object(schema, inside) if isinstance(schema, dict) else schema

    def object(self, schema: Json, inside: tuple[str, ...]) -> Json:
        if isinstance(reference := schema.get("$ref"), str):
            return self._resolved(schema, reference, inside)
        self._depth += 1
        found = {
            name: self._keyword(name, value, inside) for name, value in schema.items() if name not in self._left_out
        }
        self._depth -= 1
        if "const" in found:
            found["enum"] = [found.pop("const")]
        if "enum" in found and "type" not in found:
            found |= _type_of(found["enum"])
        return found

    def _keyword(self, name: str, value: Any, inside: tuple[str, ...]) -> Any:
        if name == "properties" and isinstance(value, dict):
            return {key: self.schema(inner, inside) for key, inner in value.items()}
        if name in _ONE and not (name == "additionalProperties" and isinstance(value, bool)):
            return self.schema(value, inside)
        if name in _SEVERAL and isinstance(value, list):
            return [self.schema(inner, inside) for inner in value]
        return value

    def _resolved(self, schema: Json, reference: str, inside: tuple[str, ...]) -> Json:
        target: Any = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            step = step.replace("~1", "/").replace("~0", "~")
            target = (target.get(step) if step else target) if isinstance(target, dict) else None
        notes: Json = {name: schema[name] for name in ("description", "title") if name in schema}
        if reference in inside or not isinstance(target, dict) or not self._has_room(reference, target, inside):
            return {"type": "object", **notes}
        return {**self.object(target, (*inside, reference)), **notes}

    def _has_room(self, reference: str, target: Json, inside: tuple[str, ...]) -> bool:
        if self._room <= 0 or max(self._depth, len(inside)) > _DEEPEST:
            return False
        if reference not in self._sizes:
            self._sizes[reference] = len(jsontext.dumps(target))
        self._room -= self._sizes[reference]
        return self._room > 0


def _type_of(values: Any) -> Json:
    """The type that all of an enum's values have."""
    kinds = {_TYPES.get(type(value)) for value in values} if isinstance(values, list) else set()
    return {"type": kinds.pop()} if len(kinds) == 1 and None not in kinds else {}
