"""Errors in a TOML file, each with its place: `providers.deepseek.dialect.reasoning_bak: unknown key`."""

import difflib
import typing
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from addons.runtime.printable import printable


class ConfigError(ValueError):
    """The file is not valid. Each of `lines` names a place in it and the error there.

    No line repeats a value from the file, since a user may have pasted a key into it.
    """

    def __init__(self, lines: list[str]) -> None:
        self.lines = [printable(line) for line in lines]
        super().__init__("; ".join(self.lines))


def validated[T: BaseModel](model: type[T], table: Any, at: str) -> T:
    """The table as an instance of this model.

    Raises:
        ConfigError: the table is not valid; `at` is its place in the file.
    """
    try:
        return model.model_validate(table)
    except ValidationError as error:
        raise ConfigError([_line(model, details, at) for details in error.errors()]) from None


def refuse_unknown(table: dict[str, Any], known: Iterable[str]) -> None:
    """Raises ConfigError if the file has unknown keys at its top level."""
    if lines := [f"{key}: {unknown(key, known, 'key')}" for key in table if key not in known]:
        raise ConfigError(lines)


def unknown(name: str, known: Iterable[str], what: str = "name") -> str:
    """The error for a name that is not among the known ones, with a suggestion."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"unknown {what} (did you mean {close[0]}?)"
    return f"unknown {what}; known: {', '.join(names)}" if len(names) <= 24 else f"unknown {what}"


def _line(model: type[BaseModel], error: ErrorDetails, at: str) -> str:
    *parents, last = error["loc"] or ("",)
    if error["type"] == "extra_forbidden":
        return f"{_place(at, error['loc'])}: {unknown(str(last), _keys_at(model, parents), 'key')}"
    if error["type"] == "missing":
        return f"{_place(at, error['loc'])}: is missing"
    if error["type"] in ("model_type", "dict_type"):
        return f"{_place(at, error['loc'])}: must be a table"
    return f"{_place(at, error['loc'])}: {error['msg'].removeprefix('Value error, ')}"


def _place(at: str, loc: Iterable[int | str]) -> str:
    """`at` is "" for the file's top level."""
    return (at + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)).removeprefix(".")


def _keys_at(model: type[BaseModel], path: list[int | str]) -> list[str]:
    """The keys that are known in the table at this path below a model."""
    for part in path:
        field = model.model_fields.get(str(part))
        model = next(_models_in(field.annotation), model) if field else model
    return list(model.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)
