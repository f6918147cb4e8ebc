"""The few kinds of events that a response is made of, as frozen values.

Decoders report them (`<protocol>.response`), one encoder turns them into a Responses stream
(`responses.encoder.Encoder`). There are no "ended" events: whatever starts next ends what was open, and only the
encoder closes things. An event is added only when Codex does something with it.
"""

from dataclasses import dataclass
from typing import Literal

from converters.errors import Fault

type StopReason = Literal["stop", "tool_calls", "length", "content_filter", "pause"]
"""Why a response ended. `pause`: the upstream wants another request with its output so far (Anthropic's
pause_turn)."""


@dataclass(frozen=True, slots=True)
class Started:
    """The upstream's response began. Both are empty when the upstream sends none; a second report is ignored."""

    upstream_id: str
    model: str


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the response's text, never empty. Refusals are text too: Codex drops refusal parts."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A piece of the model's thinking, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningSealed:
    """What the upstream wants back next turn, for the reasoning before it; ends that reasoning item.

    `seal` is text made by `converters.seal.wrap`. Without reasoning before it, it makes an item of its own.
    """

    seal: str


@dataclass(frozen=True, slots=True)
class CallStarted:
    """The model calls a tool, by the plain function name that was offered upstream.

    `call_id` is the decoder's own handle: the upstream's id where that is given and new in this response, else minted.
    """

    call_id: str
    name: str


@dataclass(frozen=True, slots=True)
class CallDelta:
    """A piece of a call's arguments (JSON text), never empty. Deltas of several calls may interleave."""

    call_id: str
    arguments: str


@dataclass(frozen=True, slots=True)
class UsageReported:
    """Token counts so far; a later report replaces an earlier one.

    `input_tokens` includes cached and cache-written tokens and `output_tokens` includes reasoning (Responses counts
    them so; where an upstream does not, its decoder adds them up).
    """

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """The upstream gave the reason why it stopped. Reported once, at the end, after usage.

    `explanation` is for the user, where the upstream gives one (Anthropic's `stop_details` of a refusal).
    """

    reason: StopReason
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The response broke off: an error in the stream, or an end without a finish."""

    fault: Fault


type Event = (
    Started | TextDelta | ReasoningDelta | ReasoningSealed | CallStarted | CallDelta | UsageReported | Finished | Failed
)
