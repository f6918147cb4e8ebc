"""Recorded answers of chat hosts, heard by us and by OpenAI's own package: both must hear the same.

Runs only where the collection of recordings stands beside the repository.
"""

from pathlib import Path
from typing import Any

import pytest
from openai._models import construct_type_unchecked
from openai.lib.streaming._deltas import accumulate_delta
from openai.types.chat import ChatCompletionChunk

from converters import jsontext, seal, sse
from converters.chat import reasoning_details
from converters.chat.dialect import ChatDialect
from converters.chat.response import FAMILY, ChatDecoder
from converters.events import (
    CallDelta,
    CallStarted,
    Event,
    Failed,
    Finished,
    ReasoningDelta,
    ReasoningSealed,
    TextDelta,
    UsageReported,
)

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus" / "chat"
STREAMS = sorted(CORPUS.rglob("*.sse"))
BODIES = sorted(path for path in CORPUS.rglob("*.json") if not path.stem.endswith((".meta", ".request")))
DIALECT = ChatDialect(reasoning_back="details", think_tags=False)

GPUSTACK = (
    "gpustack/ruby-llm--vcr-cassettes-chat-with-extended-thinking-"
    "gpustack-qwen3-streams-thinking-content-when-available"
)
BROKEN = {
    # The error stands on a line of its own that is no data line.
    GPUSTACK: "cut",
    "groq/pydantic-ai--test-groq-test-tool-use-failed-error-streaming--0": "bad_request",
    "openrouter/req-llm--openrouter-google-gemini-2-5-flash-lite-object-streaming": "server",
    "openrouter/req-llm--openrouter-google-gemini-2-5-flash-lite-object-basic": "server",
    # Streams and bodies that end without a finish_reason and without a word.
    "openrouter/req-llm--openrouter-minimax-minimax-m1-object-streaming": "cut",
    "openrouter/req-llm--openrouter-minimax-minimax-m2-free-object-streaming": "cut",
    "openrouter/req-llm--openrouter-qwen-qwen3-coder-object-streaming": "cut",
    "openrouter/req-llm--openrouter-minimax-minimax-m2-free-tool-round-trip-1": "cut",
    "openrouter/req-llm--openrouter-qwen-qwen3-coder-basic": "cut",
    "openrouter/req-llm--openrouter-nousresearch-hermes-4-405b-token-limit": "server",
}
"""Recordings of answers that failed, and the kind of fault that each is."""

SPLICED_CALLS = {"openrouter/req-llm--openrouter-google-gemini-2-5-flash-lite-object-streaming"}
"""OpenAI's package takes several calls under one index for one, and joins their names and arguments."""


def named(path: Path) -> str:
    return path.relative_to(CORPUS).with_suffix("").as_posix()


def status(path: Path) -> int:
    return int(jsontext.loads(path.with_suffix(".meta.json").read_bytes()).get("status") or 200)


def messages(path: Path) -> list[sse.Message]:
    parser = sse.Parser()
    return parser.feed(path.read_bytes()) + parser.close()


def heard(path: Path, dialect: ChatDialect = DIALECT) -> list[Event]:
    decoder = ChatDecoder("The host", dialect)
    if path.suffix == ".json":
        return decoder.whole(jsontext.loads(path.read_bytes())) + decoder.close()
    return [event for message in messages(path) for event in decoder.feed(message)] + decoder.close()


def theirs(path: Path) -> dict[str, Any]:
    """The first choice's message as OpenAI's package adds it up; that of a whole body is what it is."""
    if path.suffix == ".json":
        return dict(jsontext.loads(path.read_bytes())["choices"][0]["message"])
    snapshot: dict[object, object] = {}
    for message in messages(path):
        if not message.data.startswith(b"{"):
            continue
        chunk = construct_type_unchecked(type_=ChatCompletionChunk, value=jsontext.loads(message.data))
        for choice in getattr(chunk, "choices", None) or ():
            if choice.index == 0 and choice.delta:
                delta = choice.delta.to_dict(warnings=False)
                # The package joins lists of words' parts by their index, which these do not have.
                parts = delta.pop("content") if isinstance(delta.get("content"), list) else []
                delta.pop("reasoning_details", None)
                snapshot = accumulate_delta(snapshot, as_text(parts))
                snapshot = accumulate_delta(snapshot, {key: value for key, value in delta.items() if value is not None})
    return {str(key): value for key, value in snapshot.items()}


def as_text(parts: Any) -> dict[object, object]:
    found: dict[object, object] = {}
    for part in parts:
        if part["type"] == "text":
            found["content"] = str(found.get("content", "")) + part["text"]
        elif part["type"] == "thinking":
            thought = "".join(one["text"] for one in part["thinking"])
            found["reasoning"] = str(found.get("reasoning", "")) + thought
    return found


def said(events: list[Event], kind: type[TextDelta] | type[ReasoningDelta]) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


def calls(events: list[Event]) -> list[tuple[str, str]]:
    found: dict[str, list[str]] = {}
    for event in events:
        if isinstance(event, CallStarted):
            found[event.call_id] = [event.name, ""]
        elif isinstance(event, CallDelta):
            found[event.call_id][1] += event.arguments
    return [(name, arguments) for name, arguments in found.values()]


@pytest.mark.skipif(not CORPUS.exists(), reason="the recordings are not here")
@pytest.mark.parametrize("path", STREAMS + [path for path in BODIES if status(path) == 200], ids=named)
def test_hears_what_openais_package_hears(path: Path) -> None:
    events, message = heard(path), theirs(path)
    assert said(events, TextDelta) == (message.get("content") or "") + (message.get("refusal") or "")
    summed = reasoning_details.text_of(message.get("reasoning_details") or ())
    assert said(events, ReasoningDelta) == (message.get("reasoning_content") or message.get("reasoning") or summed)
    if named(path) not in SPLICED_CALLS:
        functions = [one["function"] for one in message.get("tool_calls") or ()]
        assert calls(events) == [(function["name"], function.get("arguments") or "") for function in functions]


@pytest.mark.skipif(not CORPUS.exists(), reason="the recordings are not here")
@pytest.mark.parametrize("path", STREAMS + [path for path in BODIES if status(path) == 200], ids=named)
def test_an_answer_ends_once_and_as_it_was(path: Path) -> None:
    events = heard(path)
    ends = [event for event in events if isinstance(event, Finished | Failed)]
    assert ends == events[-1:]
    fault = ends[0].fault.kind if isinstance(ends[0], Failed) else None
    assert fault == BROKEN.get(named(path))


@pytest.mark.skipif(not CORPUS.exists(), reason="the recordings are not here")
@pytest.mark.parametrize("path", [path for path in STREAMS if named(path) not in BROKEN], ids=named)
def test_counts_are_reported_once_and_add_up(path: Path) -> None:
    events = heard(path)
    totals = [usage["total_tokens"] for usage in recorded_usages(path) if usage.get("total_tokens")]
    reports = [event for event in events if isinstance(event, UsageReported)]
    assert len(reports) == bool(totals)
    if reports:
        assert reports[0].input_tokens + reports[0].output_tokens == totals[-1]


def recorded_usages(path: Path) -> list[dict[str, Any]]:
    chunks = [jsontext.loads(message.data) for message in messages(path) if message.data.startswith(b"{")]
    found = [chunk.get("usage") or chunk.get("x_groq", {}).get("usage") for chunk in chunks]
    return [usage for usage in found if usage]


@pytest.mark.skipif(not CORPUS.exists(), reason="the recordings are not here")
@pytest.mark.parametrize("path", STREAMS, ids=named)
def test_reasoning_details_are_sealed_whole_and_in_order(path: Path) -> None:
    sealed: list[dict[str, Any]] = []
    for event in heard(path):
        if isinstance(event, ReasoningSealed):
            sealed += seal.unwrap(FAMILY, event.seal).get("details") or []
    pieces = recorded_details(path)
    assert reasoning_details.text_of(sealed) == reasoning_details.text_of(pieces)
    assert [one["data"] for one in sealed if "data" in one] == [one["data"] for one in pieces if "data" in one]
    signatures = [one["signature"] for one in pieces if one.get("signature")]
    assert [one["signature"] for one in sealed if one.get("signature")] == signatures


def recorded_details(path: Path) -> list[dict[str, Any]]:
    chunks = [jsontext.loads(message.data) for message in messages(path) if message.data.startswith(b"{")]
    deltas = [choice.get("delta") or {} for chunk in chunks for choice in chunk.get("choices") or ()]
    return [piece for delta in deltas for piece in delta.get("reasoning_details") or ()]
