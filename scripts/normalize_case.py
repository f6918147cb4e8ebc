"""Normalizes a recorded case: what differs between two runs of a session by chance (clocks, temporary folders, the
order in which Codex writes the keys of a map) is replaced.
So scripts/record shows what changed and nothing else."""

import re
from dataclasses import replace
from typing import Any

from addons.cases.case import Case, pretty
from addons.redaction.detectors import PLACEHOLDER
from converters import jsontext
from converters.jsontext import Json

_CHANCE = (
    (re.compile(r"(?<=/)tmp[a-z0-9_]{8}\b"), "tmp"),
    (re.compile(r"(?<=Chunk ID: )[0-9a-f]+"), "000000"),
    (re.compile(r"(?<=Wall time: )[\d.]+"), "0.0000"),
    (re.compile(r"(?<=<current_date>)[\d-]+"), "2026-01-01"),
    (re.compile(r'(_at_unix_ms\\*": ?)\d+'), r"\g<1>0"),
)
_MAPS = ("client_metadata",)
"""What Codex writes in another order each time."""


def normalized(case: Case, earlier: Case | None) -> Case:
    """The normalized case, not redacted yet; its clock is that of the earlier case."""
    metadata = case.metadata
    update: dict[str, Any] = {"client_headers": {name: _text(text) for name, text in metadata.client_headers.items()}}
    if earlier is not None:
        update |= {"now": earlier.metadata.now, "recorded": earlier.metadata.recorded}
        if earlier.metadata.chunks == metadata.chunks:
            update["times"] = earlier.metadata.times
    request = pretty(jsontext.dumps(_value(jsontext.loads(case.client_request))))
    return replace(case, metadata=metadata.model_copy(update=update), client_request=request).renewed()


def is_same(left: Case, right: Case) -> bool:
    """Whether they differ by chance alone: an older recording may still hold some."""
    return _essence(left) == _essence(right)


def _essence(case: Case) -> Any:
    files = {name: data.decode("utf-8", "replace") for name, data in case.files().items() if name != "case.toml"}
    metadata = case.metadata.model_dump(exclude={"now", "recorded", "times", "chunks"})
    return _bare(metadata), {name: _bare(text) for name, text in files.items()}


def _bare(value: Any) -> Any:
    """Without what redaction has counted, for it counts in the order of the text."""
    match value:
        case str():
            text = re.sub(r'("(?:created|completed)_at":)\d+', r"\g<1>0", _text(value))
            return _bare(loaded) if (loaded := _object(text)) is not None else PLACEHOLDER.sub("PRIVATE", text)
        case dict():
            return {key: _bare(inner) for key, inner in sorted(value.items())}
        case list():
            return [_bare(item) for item in value]
        case _:
            return value


def _value(value: Any) -> Any:
    match value:
        case str():
            return _text(value)
        case list():
            return [_value(item) for item in value]
        case dict():
            return {key: _sorted(_value(inner)) if key in _MAPS else _value(inner) for key, inner in value.items()}
        case _:
            return value


def _text(text: str) -> str:
    for pattern, instead in _CHANCE:
        text = pattern.sub(instead, text)
    return text


def _sorted(value: Any) -> Any:
    return dict(sorted(value.items())) if isinstance(value, dict) else value


def _object(text: str) -> Json | None:
    if not text.startswith("{"):
        return None
    try:
        value: Json = jsontext.loads(text)
    except ValueError:
        return None
    return value
