"""Tool schemas for hosts that know only a part of JSON Schema.

A keyword is told from a property of the same name by where it stands: names under `properties` are no keywords.
"""

from typing import Any

from converters.dialect import ChatDialect
from converters.jsontext import Json

_LEFT_OUT = {
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern",
    "minItems", "maxItems", "uniqueItems", "contains", "minContains", "maxContains", "minProperties", "maxProperties",
    "patternProperties", "propertyNames", "dependentRequired", "dependentSchemas", "unevaluatedProperties",
    "unevaluatedItems", "if", "then", "else", "not", "$schema", "$id", "$comment",
    "$defs", "definitions",  # resolved where they are used
}  # fmt: skip
_ONE = {"items", "additionalProperties"}
_SEVERAL = {"anyOf", "oneOf", "allOf", "prefixItems"}
_UNIONS = ("anyOf", "oneOf", "allOf")
_TYPES: dict[type, str] = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def fit(parameters: Json, dialect: ChatDialect) -> Json:
    """A tool's parameters as the upstream takes them; the very same object where it takes all of JSON Schema."""
    if not dialect.schema_unions and any(name in parameters for name in _UNIONS):
        parameters = _without_root_unions(parameters)
    if dialect.schema_subset == "full":
        return parameters
    return _Subset(parameters, plain=dialect.schema_subset == "plain").object(parameters, ())


def _without_root_unions(parameters: Json) -> Json:
    """The root's branches as one object: every property may be given; required is what all of them demand."""
    merged = {name: value for name, value in parameters.items() if name not in _UNIONS}
    properties: Json = dict(merged.get("properties") or {})
    required: list[str] = list(merged.get("required") or [])
    for union in _UNIONS:
        branches = [branch for branch in parameters.get(union) or () if isinstance(branch, dict)]
        for branch in branches:
            properties = {**(branch.get("properties") or {}), **properties}
        demands = [branch.get("required") or [] for branch in branches]
        join = any if union == "allOf" else all
        named = dict.fromkeys(name for demand in demands for name in demand)
        required += [name for name in named if name not in required and join(name in demand for demand in demands)]
    merged["properties"] = properties
    if required:
        merged["required"] = required
    return merged


class _Subset:
    """Rewrites the schemas of one tool; `root` is where its local references point."""

    def __init__(self, root: Json, *, plain: bool) -> None:
        self._root = root
        self._plain = plain

    def schema(self, schema: Any, inside: tuple[str, ...]) -> Any:
        """`inside` are the references that are being resolved: one that comes again would never end."""
        if isinstance(schema, bool):
            return {} if self._plain else schema
        return self.object(schema, inside) if isinstance(schema, dict) else schema

    def object(self, schema: Json, inside: tuple[str, ...]) -> Json:
        if isinstance(reference := schema.get("$ref"), str):
            return self._resolved(schema, reference, inside)
        found = {name: self._keyword(name, value, inside) for name, value in schema.items() if name not in _LEFT_OUT}
        if "const" in found:
            found["enum"] = [found.pop("const")]
        if "enum" in found and "type" not in found:
            found |= _type_of(found["enum"])
        return found

    def _keyword(self, name: str, value: Any, inside: tuple[str, ...]) -> Any:
        if name == "properties" and isinstance(value, dict):
            return {key: self.schema(one, inside) for key, one in value.items()}
        if name in _ONE and not (name == "additionalProperties" and isinstance(value, bool)):
            return self.schema(value, inside)
        if name in _SEVERAL and isinstance(value, list):
            return [self.schema(one, inside) for one in value]
        return value

    def _resolved(self, schema: Json, reference: str, inside: tuple[str, ...]) -> Json:
        target: Any = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            step = step.replace("~1", "/").replace("~0", "~")
            target = (target.get(step) if step else target) if isinstance(target, dict) else None
        notes: Json = {name: schema[name] for name in ("description", "title") if name in schema}
        if reference in inside or not isinstance(target, dict):
            return {"type": "object", **notes}
        return {**self.object(target, (*inside, reference)), **notes}


def _type_of(values: Any) -> Json:
    """The type that all of an enum's values have."""
    kinds = {_TYPES.get(type(value)) for value in values} if isinstance(values, list) else set()
    return {"type": kinds.pop()} if len(kinds) == 1 and None not in kinds else {}
