"""Answers of a model as events: those that a decoder may report, and any others."""

from hypothesis import strategies as st

from converters import seal, tools
from converters.errors import Fault
from converters.events import (
    CallDelta,
    CallStarted,
    Event,
    Failed,
    Finished,
    ReasoningDelta,
    ReasoningSealed,
    Started,
    TextDelta,
    UsageReported,
)
from converters.responses import wire
from converters.tools import Toolbox

REQUEST = wire.read(
    {
        "model": "glm-5.2",
        "input": "Fix it.",
        "stream": True,
        "tools": [
            {
                "type": "function",
                "name": "exec_command",
                "description": "Runs a command.",
                "parameters": {"type": "object", "properties": {"ms": {"type": "integer"}}},
                "strict": False,
            },
            {"type": "custom", "name": "apply_patch", "description": "Changes files.", "format": {"type": "text"}},
            {"type": "tool_search", "execution": "client", "description": "Finds tools.", "parameters": {}},
            {
                "type": "namespace",
                "name": "mcp__clock",
                "description": "Tells the time.",
                "tools": [{"type": "function", "name": "now", "parameters": {}, "strict": False}],
            },
        ],
    }
)
"""A client's request with a tool of each kind."""


def toolbox() -> Toolbox:
    return tools.lower(REQUEST)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
PIECES = st.one_of(TEXTS, st.sampled_from(["\ud83d", "\ude00", "a\ud83d", "\ude00b", "\ud83d\ude00", "\ude00\ud83d"]))
"""Also with half a character at either end, as some upstreams cut."""
NAMES = st.sampled_from(["exec_command", "apply_patch", "tool_search", "mcp__clock__now", "mcp__clock.now", "no such"])
COUNTS = st.one_of(st.integers(0, 99), st.just(2**53 - 1))
ENDS = st.sampled_from([Finished(reason) for reason in ("stop", "tool_calls", "length", "content_filter", "pause")])
FAULTS = st.builds(
    Failed, st.builds(Fault, st.sampled_from(["cut", "server", "rate_limited", "context_overflow"]), TEXTS)
)
SEALS = st.builds(lambda payload: ReasoningSealed(seal.wrap("chat", payload)), TEXTS)
USAGES = st.builds(UsageReported, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
STARTS = st.builds(
    Started, st.sampled_from(["", "chatcmpl-a1", "msg_b", "gen-c-d", "é", "x" * 99]), st.just("upstream")
)
ARGUMENTS = st.one_of(TEXTS, st.sampled_from(["{}", " ", '{"input": "', 'x"}', '{"ms": 10.0}', '{"query": "a"}', "{"]))


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    """What a decoder may report: handles are its own, deltas follow their start, one end, last."""
    events: list[Event] = [draw(STARTS)] if draw(st.booleans()) else []
    handles: list[str] = []
    for kind in draw(st.lists(st.sampled_from(["text", "think", "seal", "start", "delta", "usage"]), max_size=20)):
        match kind:
            case "text":
                events.append(TextDelta(draw(TEXTS)))
            case "think":
                events.append(ReasoningDelta(draw(TEXTS)))
            case "seal":
                events.append(draw(SEALS))
            case "start":
                handles.append(f"call_{len(handles)}")
                events.append(CallStarted(handles[-1], draw(NAMES)))
            case "delta" if handles:
                events.append(CallDelta(draw(st.sampled_from(handles)), draw(ARGUMENTS)))
            case "usage":
                events.append(draw(USAGES))
    return [*events, draw(st.one_of(ENDS, ENDS, FAULTS))]


def nonsense() -> st.SearchStrategy[list[Event]]:
    """Any events in any order, empty texts, half characters, unknown and repeated handles and several ends among them."""
    handles = st.sampled_from(["", "a", "b"])
    texts = st.one_of(st.just(""), PIECES)
    return st.lists(
        st.one_of(
            STARTS,
            st.builds(TextDelta, texts),
            st.builds(ReasoningDelta, texts),
            SEALS,
            st.builds(CallStarted, handles, st.one_of(NAMES, texts)),
            st.builds(CallDelta, handles, st.one_of(texts, ARGUMENTS)),
            USAGES,
            ENDS,
            FAULTS,
        ),
        max_size=20,
    )
