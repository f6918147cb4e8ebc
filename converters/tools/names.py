"""What tools are called upstream.

Names are cut to 64 of [a-zA-Z0-9_-]: what does not fit gets a hash of the whole name as its tail, so that the same tool
has the same name in every turn and no two share one.
"""

import fnmatch
import hashlib
import re
from collections.abc import Collection

TOOL_SEARCH = "tool_search"
INPUT = "input"
"""The one parameter of a lowered custom tool."""

DEFAULT_NAMESPACE = "functions"

_MAX_NAME = 64
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")


def is_refused(name: str, refused: Collection[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, glob) for glob in refused)


def flat_name(name: str, namespace: str | None) -> str:
    """The upstream's name of a tool: the same for the offer and the history's calls, whether still offered or not."""
    full = name if namespace in (None, "", DEFAULT_NAMESPACE) else f"{namespace}__{name}"
    clean = _ILLEGAL.sub("_", full)
    if clean == full and len(full) <= _MAX_NAME:
        return full
    tail = hashlib.sha256(full.encode()).hexdigest()[:8]
    return f"{clean[: _MAX_NAME - 9]}_{tail}"


_PREFIXES = re.compile(r"^(functions|default_api|tools)[.:]+")
_JOINS = re.compile(r"[^a-z0-9]+")


def loose(name: str) -> str:
    """A name without what models get wrong: leaked control tokens, a prefix, how parts are joined, upper case."""
    return _JOINS.sub("_", _PREFIXES.sub("", name.split("<|", 1)[0].strip()).lower())
