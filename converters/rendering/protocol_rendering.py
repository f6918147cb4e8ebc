"""What rendering has to know of a protocol: each has its own in its folder, as `rendering.RENDERING`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from converters.jsontext import Json
from converters.rendering.entries import Entry, entries


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a protocol's requests and responses are known, and where in them stands what a person wants to see."""

    is_request: Callable[[Json], bool]
    is_response: Callable[[Json, str], bool]
    """Of a whole response, or of a record of a stream with the event that its line names."""
    conversation: str
    """The field of a request with its messages or items."""
    instructions: str = ""
    """The field of a request with its instructions, where they are no message."""
    entries: Callable[[Any], Iterator[Entry]] = entries
    """One message or item of the conversation."""
    marks: tuple[bytes, ...] = ()
    """Texts of which one stands in every body, beside a model's name and an error."""
    elements: str = ""
    """The field of a whole response with the elements that it is made of."""
    element_events: Mapping[bytes, str] = field(default_factory=dict)
    """Events of a stream that hold one of these elements -> the field."""
    reported: frozenset[str] = frozenset()
    """The types of elements that the decoder reports; all others are shown by their type."""
    seal_note: Callable[[str], str] = lambda _: ""
    """What is shown of a seal; nothing where it was not on the wire, but made by the decoder."""
