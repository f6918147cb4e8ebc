"""What a scripted upstream sends, in terms that hold for every protocol.

A test writes what the model says; each protocol's `write_*.py` writes it down in its own wire format:

    upstream.script(ModelResponse(Reasoning("hm"), Call("exec_command", {"cmd": "ls"})), ModelResponse(Text("done")))
"""

from dataclasses import dataclass, field
from typing import Any, Literal

type Json = dict[str, Any]


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Reasoning:
    text: str


@dataclass(frozen=True)
class Call:
    """A tool call by the name that the upstream was offered. A text is sent as it is, JSON or not."""

    name: str
    arguments: Json | str = field(default_factory=dict)


@dataclass(frozen=True)
class Raw:
    """Bytes that stand in the stream as they are: comments, error events, garbage."""

    data: bytes


type Piece = Text | Reasoning | Call | Raw


@dataclass(frozen=True)
class Usage:
    """As Responses counts: input includes cached, output includes reasoning."""

    input: int = 100
    cached: int = 40
    output: int = 20
    reasoning: int = 5


type FinishReason = Literal["stop", "tool_calls", "length", "content_filter"]
type Ending = Literal["finish", "drop", "silence", "stall"]
"""`finish`: as the protocol wants. `drop`: the connection breaks. `silence`: the body ends, but nothing said so.
`stall`: nothing more comes, and the connection stays open until the client leaves."""


@dataclass(frozen=True)
class ModelResponse:
    """A response of status 200. `whole`: a JSON body although a stream was asked; `encoding`: compressed, unasked."""

    pieces: tuple[Piece, ...]
    finish_reason: FinishReason
    ending: Ending
    usage: Usage
    whole: bool
    encoding: str | None

    def __init__(
        self,
        *pieces: Piece,
        finish_reason: FinishReason | None = None,
        ending: Ending = "finish",
        usage: Usage | None = None,
        whole: bool = False,
        encoding: str | None = None,
    ) -> None:
        calls = any(isinstance(piece, Call) for piece in pieces)
        object.__setattr__(self, "pieces", pieces)
        object.__setattr__(self, "finish_reason", finish_reason or ("tool_calls" if calls else "stop"))
        object.__setattr__(self, "ending", ending)
        object.__setattr__(self, "usage", usage or Usage())
        object.__setattr__(self, "whole", whole)
        object.__setattr__(self, "encoding", encoding)


@dataclass(frozen=True)
class ErrorResponse:
    """A response of another status. `message` is put into the protocol's own error body, `body` goes out as it is."""

    status: int
    message: str = "no"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    error: Json = field(default_factory=dict)
    """More keys of the error object, e.g. `code`."""


@dataclass(frozen=True)
class Disconnect:
    """The connection is closed before a byte of the response."""


type ScriptedResponse = ModelResponse | ErrorResponse | Disconnect


def split(text: str, size: int = 7) -> list[str]:
    """A text as a model streams it: a few characters at a time."""
    return [text[start : start + size] for start in range(0, len(text), size)]
