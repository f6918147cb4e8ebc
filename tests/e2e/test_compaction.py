"""When the context is full, Codex has it summarised: by a prompt of its own, or by asking the server for it."""

from tests.e2e.answers import Call, Refuse, Say, Text, Think, Usage
from tests.e2e.codex import Codex
from tests.e2e.conftest import Side
from tests.e2e.heard import heard

FULL = Usage(input=250_000, cached=0)
SUMMARY = "We counted to 42 and were glad."


def script(side: Side) -> None:
    """A first step that fills the context, the summary, and the answer after it."""
    call = Call("exec_command", {"cmd": "echo 42"})
    side.upstream.script(Say(Think("Hm."), call, usage=FULL), Say(Text(SUMMARY)), Say(Text("going on")))


def test_codex_s_own_prompt_gets_its_summary(side: Side, codex: Codex) -> None:
    script(side)
    run = codex.exec("count", model=side.model, model_auto_compact_token_limit=200_000)
    assert run.said[-1] == "going on"
    _, compaction, after = (heard(request) for request in side.upstream.received)
    assert "CONTEXT CHECKPOINT COMPACTION" in compaction[-1].text
    assert SUMMARY in after[-1].text
    assert [one for one in after if one.role in ("assistant", "output")] == []


def test_a_compaction_trigger_gets_one_item_that_later_requests_expand(side: Side, codex: Codex) -> None:
    codex.provider["name"] = "OpenAI"
    script(side)
    run = codex.exec("count", model=side.model, model_auto_compact_token_limit=200_000)
    assert (run.failure, run.said[-1]) == ("", "going on")
    asked, after = (heard(request) for request in side.upstream.received[1:])
    assert "42" in "".join(one.text for one in asked if one.role == "output"), "the summary is made of the whole thread"
    assert SUMMARY in "".join(one.text for one in after if one.role == "user")
    assert [one for one in after if one.role in ("assistant", "output")] == []


def test_a_compacted_thread_can_be_resumed(side: Side, codex: Codex) -> None:
    codex.provider["name"] = "OpenAI"
    script(side)
    codex.exec("count", model=side.model, model_auto_compact_token_limit=200_000)
    side.upstream.script(Say(Text("still here")))
    assert codex.resume("and now?", model=side.model).said == ["still here"]
    assert SUMMARY in "".join(one.text for one in heard(side.upstream.received[-1]))


def test_a_thread_that_overflowed_is_summarised_before_it_goes_on(side: Side, codex: Codex) -> None:
    side.upstream.script(Say(Think("Hm."), Call("exec_command", {"cmd": "echo 42"})), Refuse(413, "too large"))
    assert "ran out of room in the model's context window" in codex.exec("count", model=side.model).failure
    side.upstream.script(Say(Text(SUMMARY)), Say(Text("still here")))
    assert codex.resume("and now?", model=side.model).said == ["still here"]
    compaction, after = (heard(request) for request in side.upstream.received[2:])
    assert "CONTEXT CHECKPOINT COMPACTION" in compaction[-1].text
    assert SUMMARY in "".join(one.text for one in after if one.role == "user")
    assert [one for one in after if one.role in ("assistant", "output")] == []
