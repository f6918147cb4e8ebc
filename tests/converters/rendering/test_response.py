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
from converters.protocols import PROTOCOLS
from converters.rendering.response import RenderedResponse


def shown(*events: Event, protocol: str = "responses") -> list[str]:
    rendered = RenderedResponse(protocol, PROTOCOLS[protocol].rendering.seal_note)
    rendered.feed(events)
    return list(rendered.lines())


def test_what_comes_in_turns_stands_in_turns() -> None:
    lines = shown(TextDelta("a"), TextDelta("b"), ReasoningDelta("c"), TextDelta("d"))
    assert lines[2:] == ["text", "  ab", "", "thinking", "  c", "", "text", "  d", "", "goes on"]


def test_calls_that_interleave_are_taken_apart() -> None:
    lines = shown(
        CallStarted("1", "f"),
        CallStarted("2", "g"),
        CallDelta("1", '{"a"'),
        CallDelta("2", "{}"),
        CallDelta("1", ":1}"),
    )
    assert lines[2:-1] == ["call f · 1", "  a: 1", "", "call g · 2", ""]


def test_each_seal_belongs_to_the_thinking_before_it() -> None:
    lines = shown(ReasoningDelta("a"), ReasoningSealed("xx"), ReasoningSealed("yyy"), ReasoningDelta("b"))
    assert [line for line in lines if line.startswith("thinking")] == [
        "thinking · [encrypted, 2 B]",
        "thinking · [encrypted, 3 B]",
        "thinking",
    ]


def test_seals_that_were_never_on_the_wire_are_not_shown() -> None:
    assert shown(ReasoningSealed("xx"), protocol="chat") == shown(protocol="chat")
    assert "thinking · [signed]" in shown(ReasoningSealed("xx"), protocol="anthropic")


def test_the_last_line_tells_why_it_ended_and_what_it_cost() -> None:
    usage = UsageReported(1234, 56, cached_tokens=1000, cache_write_tokens=20, reasoning_tokens=30)
    lines = shown(Started("id", "m"), usage, Finished("length"))
    assert lines[0] == "answer of m · responses · id"
    assert lines[-2:] == [
        "ends: length · 1,234 tokens in (1,000 cached, 20 written to the cache) · 56 out",
        "(30 thinking)",
    ]


def test_a_failure_is_told_with_its_kind_and_how_long_to_wait() -> None:
    assert shown(Failed(Fault("rate_limited", "x: slow down", retry_after=5)))[-1] == (
        "FAILED (rate_limited): x: slow down (retry after 5)"
    )
    assert shown(Failed(Fault("cut", "x closed")))[-1] == "CUT: x closed"
