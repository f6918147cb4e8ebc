"""A Responses upstream gets and says what it would without us."""

from converters import seal
from converters.dialect import ResponsesDialect
from converters.losses import Losses
from converters.responses import relay

RAW = {
    "model": "alias",
    "input": [
        {"type": "message", "role": "user", "content": "hi"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"},
    ],
    "reasoning": {"effort": "high", "summary": "auto"},
    "prompt_cache_key": "k",
}


def test_all_but_the_model_is_as_it_was() -> None:
    losses = Losses()
    assert relay.body(RAW, ResponsesDialect(), "gpt-5.5", losses) == {**RAW, "model": "gpt-5.5"}
    assert not losses


def test_refused_keys_are_left_out_and_listed() -> None:
    losses = Losses()
    out = relay.body(RAW, ResponsesDialect(drop=("reasoning.summary", "store")), "m", losses)
    assert out["reasoning"] == {"effort": "high"}
    assert RAW["reasoning"] == {"effort": "high", "summary": "auto"}
    assert [loss.path for loss in losses] == ["reasoning.summary"]


def test_our_seals_do_not_go_on() -> None:
    sealed = seal.wrap("chat", {"text": "hm"})
    shown = {"type": "reasoning", "id": "rs_a", "summary": [{"type": "summary_text", "text": "hm"}]}
    bare = {"type": "reasoning", "id": "rs_b", "summary": []}
    compacted = {"type": "compaction", "id": "cmp_1", "encrypted_content": seal.wrap("summary", "we did X")}
    items = [shown | {"encrypted_content": sealed}, bare | {"encrypted_content": sealed}, compacted]
    out = relay.body({"model": "m", "input": items}, ResponsesDialect(), "m", Losses())
    first, second = out["input"]
    assert first == {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}
    assert second["role"] == "user"
    assert second["content"][0]["text"].endswith("we did X")


def test_the_end_is_seen_wherever_the_stream_is_cut() -> None:
    stream = b'event: response.completed\ndata: {"type":"response.completed","response":{}}\n\n'
    for cut in range(len(stream)):
        watch = relay.Watch()
        watch.feed(stream[:cut])
        watch.feed(stream[cut:])
        assert watch.ended
    watch = relay.Watch()
    watch.feed(stream[:50])
    assert not watch.ended
