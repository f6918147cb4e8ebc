"""What Claude said comes back to it as it said it, through a client that keeps only what the Responses API knows."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from converters import jsontext
from converters.anthropic.dialect import AnthropicDialect
from converters.conversion import Upstream
from converters.jsontext import Json
from tests.converters.conversions import open_with
from tests.converters.sample_items import FUNCTION, output, user

CLAUDE = Upstream("Anthropic", "anthropic", "claude", AnthropicDialect(thinking="adaptive", cache=False))
ASKED = {"model": "m", "stream": True, "tools": [FUNCTION], "reasoning": {"summary": "auto"}}

WORDS = st.text(min_size=1, max_size=20).filter(lambda words: words.isprintable() and bool(words.strip()))
THOUGHTS = st.one_of(
    st.builds(
        lambda text, sign: {"type": "thinking", "thinking": text, "signature": sign}, st.text(max_size=20), WORDS
    ),
    st.builds(lambda data: {"type": "redacted_thinking", "data": data}, WORDS),
)
TEXTS = st.builds(lambda text: {"type": "text", "text": text}, WORDS)
CALLS = st.lists(
    st.builds(lambda x: {"type": "tool_use", "name": "f", "input": {"x": x}}, st.text(max_size=9)),
    min_size=1,
    max_size=3,
)


def stream(content: list[Json]) -> bytes:
    """An answer as Anthropic streams it, each block in two deltas where it can be cut."""
    said: list[Json] = [{"type": "message_start", "message": {"id": "msg_1", "model": "claude"}}]
    for index, block in enumerate(content):
        said.append({"type": "content_block_start", "index": index, "content_block": emptied(block)})
        said += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas(block)]
        said.append({"type": "content_block_stop", "index": index})
    said += [{"type": "message_delta", "delta": {"stop_reason": "tool_use"}}, {"type": "message_stop"}]
    return b"".join(b"event: %b\ndata: %b\n\n" % (event["type"].encode(), jsontext.dumps(event)) for event in said)


def emptied(block: Json) -> Json:
    empty: Json = {"thinking": {"thinking": "", "signature": ""}, "text": {"text": ""}, "tool_use": {"input": {}}}
    return {**block, **empty.get(block["type"], {})}


def deltas(block: Json) -> list[Json]:
    match block["type"]:
        case "thinking":
            thought = [{"type": "thinking_delta", "thinking": half} for half in halves(block["thinking"])]
            return [*thought, {"type": "signature_delta", "signature": block["signature"]}]
        case "text":
            return [{"type": "text_delta", "text": half} for half in halves(block["text"])]
        case "tool_use":
            text = jsontext.dumps(block["input"]).decode()
            return [{"type": "input_json_delta", "partial_json": half} for half in halves(text)]
        case _:
            return []


def halves(text: str) -> list[str]:
    return [text[: len(text) // 2], text[len(text) // 2 :]]


def items_of(answer: bytes) -> list[Json]:
    """What Codex keeps of an answer: the finished items."""
    records = [record.partition(b"data: ")[2] for record in answer.split(b"\n\n") if record]
    events = [jsontext.loads(record) for record in records]
    return [event["item"] for event in events if event["type"] == "response.output_item.done"]


def upstream_request(*items: Json) -> Any:
    return open_with(CLAUDE, {**ASKED, "input": list(items)})


@given(thoughts=st.lists(THOUGHTS, max_size=3), texts=st.lists(TEXTS, max_size=1), calls=CALLS)
def test_a_step_comes_back_block_for_block(thoughts: list[Json], texts: list[Json], calls: list[Json]) -> None:
    content = [*thoughts, *texts, *({**one, "id": f"toolu_{index}"} for index, one in enumerate(calls))]
    first = upstream_request(user("go"))
    items = items_of(b"".join([*first.feed(stream(content)), *first.close()]))
    results = [output(item["call_id"]) for item in items if item["type"] == "function_call"]
    second = jsontext.loads(upstream_request(user("go"), *items, *results).body)
    assert second["messages"][1] == {"role": "assistant", "content": content}
