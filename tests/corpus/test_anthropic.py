"""Recorded answers of Anthropic and its hosts, heard by us and by Anthropic's own package: both must hear the same.

Runs only where the collection of recordings stands beside the repository.
"""

from pathlib import Path
from typing import Any

import pytest
from anthropic.lib.streaming._beta_messages import accumulate_event

from converters import jsontext, seal, sse
from converters.anthropic.dialect import AnthropicDialect
from converters.anthropic.response import AnthropicDecoder
from converters.events import CallDelta, CallStarted, Event, Failed, Finished, ReasoningSealed, TextDelta, UsageReported

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared" / "corpus" / "anthropic"
STREAMS = sorted(CORPUS.rglob("*.sse"))
BODIES = sorted(path for path in CORPUS.rglob("*.json") if not path.stem.endswith((".meta", ".request")))
NO_HEADERS: Any = {}
SPLICED = "ai--spliced-message-start"  # two answers in one: refused on purpose


def named(path: Path) -> str:
    return path.relative_to(CORPUS).with_suffix("").as_posix()


def messages(path: Path) -> list[sse.Message]:
    parser = sse.Parser()
    return parser.feed(path.read_bytes()) + parser.close()


def heard(path: Path) -> list[Event]:
    decoder = AnthropicDecoder("Anthropic", AnthropicDialect())
    if path.suffix == ".json":
        return decoder.whole(jsontext.loads(path.read_bytes())) + decoder.close()
    return [event for message in messages(path) for event in decoder.feed(message)] + decoder.close()


def theirs(path: Path) -> Any:
    """What Anthropic's package makes of the recording; a whole body is what it is."""
    if path.suffix == ".json":
        return jsontext.loads(path.read_bytes())
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for message in messages(path):
        said = jsontext.loads(message.data) if message.data.startswith(b"{") else {}
        if said.get("type") == "message_stop":
            break  # one recording holds two answers, one after the other
        if said.get("type") not in (None, "ping"):
            snapshot = accumulate_event(
                event=said, current_snapshot=snapshot, json_bufs=buffers, request_headers=NO_HEADERS
            )
    return snapshot.to_dict(warnings=False)


def blocks(message: Any, kind: str) -> list[Any]:
    return [block for block in message["content"] if block["type"] == kind]


def calls(events: list[Event]) -> list[tuple[str, str, Any]]:
    found = []
    for start in (event for event in events if isinstance(event, CallStarted)):
        pieces = [one.arguments for one in events if isinstance(one, CallDelta) and one.call_id == start.call_id]
        found.append((start.call_id, start.name, jsontext.loads("".join(pieces) or "{}")))
    return found


def seals(events: list[Event]) -> list[Any]:
    return [seal.unwrap("anthropic", event.seal) for event in events if isinstance(event, ReasoningSealed)]


@pytest.mark.parametrize("path", [one for one in STREAMS + BODIES if SPLICED not in one.name], ids=named)
def test_a_recording_is_heard_as_anthropic_hears_it(path: Path) -> None:
    events, message = heard(path), theirs(path)
    assert isinstance(events[-1], Finished)
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert text == "".join(block["text"] for block in blocks(message, "text"))
    assert calls(events) == [(one["id"], one["name"], one["input"]) for one in blocks(message, "tool_use")]
    thought = [(one["thinking"], one["signature"]) for one in seals(events) if "thinking" in one]
    assert thought == [(one["thinking"], one["signature"]) for one in blocks(message, "thinking")]
    redacted = [one["redacted"] for one in seals(events) if "redacted" in one]
    assert redacted == [one["data"] for one in blocks(message, "redacted_thinking")]
    assert_same_usage(events, message["usage"])


def assert_same_usage(events: list[Event], usage: Any) -> None:
    last = [event for event in events if isinstance(event, UsageReported)][-1]
    cached, written = usage.get("cache_read_input_tokens") or 0, usage.get("cache_creation_input_tokens") or 0
    assert (last.input_tokens, last.output_tokens) == (usage["input_tokens"] + cached + written, usage["output_tokens"])
    assert (last.cached_tokens, last.cache_write_tokens) == (cached, written)


@pytest.mark.parametrize("path", [one for one in STREAMS if SPLICED in one.name], ids=named)
def test_two_answers_spliced_into_one_are_no_answer(path: Path) -> None:
    assert isinstance(heard(path)[-1], Failed)
