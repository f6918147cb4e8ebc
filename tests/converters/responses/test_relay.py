"""A Responses upstream gets and says what it would without us."""

from typing import Any

import pytest

from converters import seal
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import relay
from converters.responses.dialect import ResponsesDialect

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


def test_refused_tools_are_left_out_wherever_they_are_declared() -> None:
    spawn, wait = {"type": "function", "name": "spawn"}, {"type": "function", "name": "wait"}
    space = {"type": "namespace", "name": "agents", "tools": [spawn, wait]}
    only = {"type": "namespace", "name": "agents", "tools": [spawn]}
    lite = {"type": "additional_tools", "role": "developer", "tools": [only, wait]}
    dialect, losses = ResponsesDialect(refused_tools=("agents__spawn", "web_*")), Losses()
    out = relay.body({"tools": [space, {"type": "web_search"}, spawn, 5], "input": [lite]}, dialect, "m", losses)
    assert out["tools"] == [space | {"tools": [wait]}, spawn, 5]
    assert out["input"] == [lite | {"tools": [wait]}]
    assert [loss.path for loss in losses] == ["tools[0].tools[0]", "tools[1]", "input[0].tools[0].tools[0]"]


def test_what_we_sealed_does_not_go_on_but_for_a_summary_of_the_work() -> None:
    shown = {"type": "reasoning", "id": "rs_a", "summary": [{"type": "summary_text", "text": "hm"}]}
    compacted = {"type": "compaction", "id": "cmp_1", "encrypted_content": seal.wrap("summary", "we did X")}
    broken = compacted | {"encrypted_content": seal.wrap("other", "we did X")}
    thoughts = [shown | {"encrypted_content": sealed} for sealed in (seal.wrap("chat", {"text": "hm"}), seal.OPEN)]
    (result,) = relayed(*thoughts, compacted, broken)
    assert result["role"] == "user"
    assert result["content"][0]["text"].endswith("we did X")


def relayed(*items: Json, dialect: ResponsesDialect | None = None, **fields: Any) -> list[Json]:
    told: list[Json] = relay.body({"input": list(items), **fields}, dialect or ResponsesDialect(), "m", Losses())[
        "input"
    ]
    return told


def test_seals_go_on_to_another_of_us() -> None:
    sealed = {"type": "reasoning", "id": "rs_a", "summary": [], "encrypted_content": seal.wrap("chat", {"text": "hm"})}
    compacted = {"type": "compaction", "id": "cmp_1", "encrypted_content": seal.wrap("summary", "we did X")}
    assert relayed(sealed, compacted, dialect=ResponsesDialect(seals=True), store=False) == [sealed, compacted]


def test_what_another_model_thought_is_listed_where_it_is_left_out() -> None:
    sealed = {"type": "reasoning", "id": "rs_a", "summary": [], "encrypted_content": seal.wrap("chat", {"text": "hm"})}
    losses = Losses()
    relay.body({"input": [{"type": "message"}, sealed]}, ResponsesDialect(), "m", losses)
    assert [loss.path for loss in losses] == ["input[1]"]


def test_it_is_known_whether_a_request_can_pass_as_it_is() -> None:
    assert not relay.changes(RAW)
    assert relay.changes(
        {**RAW, "input": [{"type": "reasoning", "summary": [], "encrypted_content": seal.wrap("x", 1)}]}
    )


def test_open_thinking_of_a_responses_upstream_is_its_own_affair() -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}
    assert relayed(thought, store=False) == [thought]


def test_ids_that_the_upstream_gave_are_its_own_affair() -> None:
    items = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"},
        {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]},
    ]
    assert relayed(*items, store=False) == items


def test_a_search_that_codex_did_not_know_is_told_as_one_that_the_upstream_knows() -> None:
    odd = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "other"}}
    known = odd | {"action": {"type": "search", "query": "q"}}
    assert relayed(odd, known) == [odd | {"action": {"type": "search", "query": ""}}, known]


END = b'event: response.completed\ndata: {"type":"response.completed","response":{}}'


def watched(*records: bytes) -> relay.Watch:
    watch = relay.Watch()
    watch.read([*records])
    return watch


def test_nothing_passes_behind_the_end() -> None:
    watch, more = relay.Watch(), b'data: {"type":"response.failed"}'
    assert watch.read([b": hello", END, more]) == [b": hello", END]
    assert watch.ended and watch.last.startswith(b'{"type":"response.completed"')
    assert watch.read([more]) == []
    assert not watch.failed


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (b'data: {"type":"response.created","response":{"instructions":"say "response.done""}}', False),
        (b'data: {"type":"response.in_progress","response":{}}', False),
        (b'event: response.queued\ndata: {"type":"response.queued"}', False),
        (b'data: {"type":"codex.rate_limits","about":"response."}', False),
        (b'data: {"type":"response.failed","response":{}}', False),
        (b'data: {"type":"error","message":""response.x""}', False),
        (b": response.output_text.delta", False),
        (b'data: {"type":"response.output_item.added","item":{}}', True),
        (b'data: {"type":"response.output_text.delta","delta":"x"}', True),
        (b'data: {"type":"response.completed","response":{}}', True),
        (b'data: {"type":"response.incomplete","response":{}}', True),
    ],
)
def test_what_frames_a_response_is_no_content(record: bytes, expected: bool) -> None:
    assert watched(record).has_content is expected


def test_a_failed_response_says_why() -> None:
    watch = watched(b'data: {"type":"response.failed","response":{"error":{"code":"server_error","message":"boom"}}}')
    assert (watch.ended, watch.failed, watch.error["message"]) == (True, True, "boom")


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"type":"error","code":"server_error","message":"boom"}',
        b'event: error\ndata: {"code":"server_error","message":"boom"}',
        b'event: error\ndata: {"type":"error","error":{"code":"server_error","message":"boom"}}',
    ],
)
def test_an_error_event_is_kept(event: bytes) -> None:
    watch = watched(event)
    assert (watch.ended, watch.error["message"]) == (False, "boom")


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"type":"codex.rate_limits","limit_reached":true,"error":null}',
        b'data: {"type":"response.created","response":{"error":null}}',
        b"event: error\ndata: nonsense",
        b'data: [1, "error"]',
    ],
)
def test_other_events_are_neither_an_end_nor_an_error(event: bytes) -> None:
    watch = watched(event)
    assert (watch.ended, watch.error) == (False, None)


@pytest.mark.parametrize(
    "item", [None, 7, [], {}, {"type": []}, {"type": "additional_tools"}, {"type": "additional_tools", "tools": 7}]
)
def test_what_is_no_item_is_the_upstreams_to_refuse(item: Any) -> None:
    raw = {"model": "m", "input": [item], "tools": [item]}
    losses = Losses()
    assert relay.body(raw, ResponsesDialect(refused_tools=("x",)), "m", losses) == raw
    assert not losses


def test_our_seal_on_what_has_no_kind_is_a_loss() -> None:
    losses = Losses()
    out = relay.body({"input": [{"encrypted_content": seal.OPEN}]}, ResponsesDialect(), "m", losses)
    assert out["input"] == []
    assert [loss.path for loss in losses] == ["input[0]"]
