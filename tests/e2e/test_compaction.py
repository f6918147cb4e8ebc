"""When the context is full, Codex has it summarised: by a prompt of its own, or by asking the server for it."""

from tests.e2e.codex import Codex
from tests.e2e.conftest import Endpoint
from tests.e2e.scripted_response import Call, ErrorResponse, ModelResponse, Reasoning, Text, Usage
from tests.e2e.upstream_messages import messages_of

FULL = Usage(input=250_000, cached=0)
SUMMARY = "We counted to 42 and were glad."


def script(endpoint: Endpoint) -> None:
    """A first step that fills the context, the summary, and the answer after it."""
    call = Call("exec_command", {"cmd": "echo 42"})
    endpoint.upstream.script(
        ModelResponse(Reasoning("Hm."), call, usage=FULL), ModelResponse(Text(SUMMARY)), ModelResponse(Text("going on"))
    )


def test_codex_s_own_prompt_gets_its_summary(endpoint: Endpoint, codex: Codex) -> None:
    script(endpoint)
    run = codex.exec("count", model=endpoint.model, model_auto_compact_token_limit=200_000)
    assert run.agent_messages[-1] == "going on"
    _, compaction, after = (messages_of(request) for request in endpoint.upstream.received)
    assert "CONTEXT CHECKPOINT COMPACTION" in compaction[-1].text
    assert SUMMARY in after[-1].text
    assert [message for message in after if message.role in ("assistant", "output")] == []


def test_a_compaction_trigger_gets_one_item_that_later_requests_expand(endpoint: Endpoint, codex: Codex) -> None:
    codex.provider["name"] = "OpenAI"
    script(endpoint)
    run = codex.exec("count", model=endpoint.model, model_auto_compact_token_limit=200_000)
    assert (run.failure, run.agent_messages[-1]) == ("", "going on")
    compaction, after = (messages_of(request) for request in endpoint.upstream.received[1:])
    assert "42" in "".join(message.text for message in compaction if message.role == "output"), (
        "the summary is made of the whole thread"
    )
    assert SUMMARY in "".join(message.text for message in after if message.role == "user")
    assert [message for message in after if message.role in ("assistant", "output")] == []


def test_a_compacted_thread_can_be_resumed(endpoint: Endpoint, codex: Codex) -> None:
    codex.provider["name"] = "OpenAI"
    script(endpoint)
    codex.exec("count", model=endpoint.model, model_auto_compact_token_limit=200_000)
    endpoint.upstream.script(ModelResponse(Text("still here")))
    assert codex.resume("and now?", model=endpoint.model).agent_messages == ["still here"]
    assert SUMMARY in "".join(message.text for message in messages_of(endpoint.upstream.received[-1]))


def test_a_thread_that_overflowed_is_summarised_before_it_goes_on(endpoint: Endpoint, codex: Codex) -> None:
    endpoint.upstream.script(
        ModelResponse(Reasoning("Hm."), Call("exec_command", {"cmd": "echo 42"})), ErrorResponse(413, "too large")
    )
    assert "ran out of room in the model's context window" in codex.exec("count", model=endpoint.model).failure
    endpoint.upstream.script(ModelResponse(Text(SUMMARY)), ModelResponse(Text("still here")))
    assert codex.resume("and now?", model=endpoint.model).agent_messages == ["still here"]
    compaction, after = (messages_of(request) for request in endpoint.upstream.received[2:])
    assert "CONTEXT CHECKPOINT COMPACTION" in compaction[-1].text
    assert SUMMARY in "".join(message.text for message in after if message.role == "user")
    assert [message for message in after if message.role in ("assistant", "output")] == []
