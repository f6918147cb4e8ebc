"""What can go wrong, in one vocabulary for all protocols."""

from dataclasses import dataclass
from typing import Literal

from converters.errors.one_line import one_line

type Client = Literal["codex", "older-codex", "other"]
"""`older-codex`: before 0.169. It shows the whole body of an HTTP 400, reads no code in it, and gives up at a 429; but
the codes of `response.failed` it understands (measured with 0.145 and 0.166)."""

type Kind = Literal[
    "context_overflow",
    "bad_request",
    "model_not_found",
    "auth",
    "quota",
    "rate_limited",
    "overloaded",
    "server",
    "unreachable",
    "timeout",
    "content_policy",
    "cut",
    "empty",
]
"""`empty`: a complete response without text or call."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong upstream, in one form for all protocols.

    `message` is for the user and names whose error it is, in one readable line; `status` is the upstream's HTTP status
    where there was one; `retry_after` is in whole seconds, or an HTTP date as the upstream sent it.
    """

    kind: Kind
    message: str
    status: int | None = None
    retry_after: int | str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", one_line(self.message))


LONGEST_WAIT = 3600
"""Seconds that a client may be sent to wait, which Codex does without a word; a limit that lasts longer counts as a
used-up quota."""


class RequestError(Exception):
    """The request holds something that cannot be converted; nothing has been sent upstream yet.

    `param` is the JSON path into the client's body, e.g. `input[3].arguments`.
    """

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param
