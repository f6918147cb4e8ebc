"""The toy protocol, as far as rendering has to know it."""

from collections.abc import Iterator
from typing import Any

from converters.rendering.entries import Entry
from converters.rendering.protocol_rendering import Rendering


def _entries(line: Any) -> Iterator[Entry]:
    yield Entry(line["by"], line["said"])


RENDERING = Rendering(
    is_request=lambda body: "lines" in body,
    is_response=lambda value, event: "word" in value or "over" in value,
    conversation="lines",
    entries=_entries,
    marks=(b'"lines"', b'"word"'),
)
