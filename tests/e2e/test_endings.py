"""However an answer ends, Codex is told the truth: nothing half said is acted on, nothing broken passes for whole."""

import pytest

from tests.e2e.codex import Codex
from tests.e2e.conftest import Endpoint
from tests.e2e.scripted_response import Call, Ending, ModelResponse, Reasoning, Text
from tests.e2e.upstream_messages import messages_of

BROKEN: list[Ending] = ["drop", "silence"]


@pytest.mark.parametrize("ending", BROKEN)
def test_a_call_of_a_broken_answer_does_not_run(endpoint: Endpoint, codex: Codex, ending: Ending) -> None:
    """Its arguments are complete; that the model meant to end there, nobody said."""
    call = Call("exec_command", {"cmd": "touch must-not-exist"})
    endpoint.upstream.script(ModelResponse(Reasoning("Hm."), Text("I will"), call, ending=ending))
    run = codex.exec("go", model=endpoint.model)
    assert not (codex.work / "must-not-exist").exists()
    assert run.items("command_execution") == []
    assert "stream disconnected before completion" in run.failure
    assert f"strict-{endpoint.name}" in run.failure
    assert run.code == 1


@pytest.mark.parametrize("ending", BROKEN)
def test_a_patch_of_a_broken_answer_is_not_applied(endpoint: Endpoint, codex: Codex, ending: Ending) -> None:
    patch = "*** Begin Patch\n*** Add File: must-not-exist\n+x\n*** End Patch\n"
    endpoint.upstream.script(ModelResponse(Reasoning("Hm."), Call("apply_patch", {"input": patch}), ending=ending))
    codex.exec("go", model=endpoint.like("gpt-5.5"))
    assert not (codex.work / "must-not-exist").exists()


@pytest.mark.parametrize("ending", BROKEN)
def test_a_broken_answer_is_asked_for_again(endpoint: Endpoint, codex: Codex, ending: Ending) -> None:
    codex.provider["stream_max_retries"] = 1
    endpoint.upstream.script(ModelResponse(Text("half a"), ending=ending), ModelResponse(Text("a whole answer")))
    run = codex.exec("go", model=endpoint.model)
    assert (run.agent_messages[-1], run.failure) == ("a whole answer", "")
    assert len(endpoint.upstream.received) == 2


def test_an_upstream_that_stalls_is_given_up(endpoint: Endpoint, codex: Codex) -> None:
    call = Call("exec_command", {"cmd": "touch must-not-exist"})
    endpoint.upstream.script(ModelResponse(Reasoning("Hm."), call, ending="stall"))
    run = codex.exec("go", model=f"impatient-{endpoint.name}")
    assert not (codex.work / "must-not-exist").exists()
    assert "stream disconnected before completion" in run.failure
    assert endpoint.upstream.client_left.wait(5)


def test_an_answer_cut_by_its_limit_is_no_success(endpoint: Endpoint, codex: Codex) -> None:
    endpoint.upstream.script(ModelResponse(Text("and so on and"), finish_reason="length"))
    run = codex.exec("go", model=endpoint.model)
    assert "max_output_tokens" in run.failure
    assert run.code == 1


def test_a_call_of_an_answer_cut_by_its_limit_does_not_run(endpoint: Endpoint, codex: Codex) -> None:
    """It reads as complete JSON, but of a command that was to go on, or of calls that were to follow, nobody knows."""
    call = Call("exec_command", {"cmd": "touch must-not-exist"})
    endpoint.upstream.script(ModelResponse(Reasoning("Hm."), call, finish_reason="length"))
    run = codex.exec("go", model=endpoint.model)
    assert not (codex.work / "must-not-exist").exists()
    assert "max_output_tokens" in run.failure


def test_a_json_answer_where_a_stream_was_asked_is_as_good(endpoint: Endpoint, codex: Codex) -> None:
    call = Call("exec_command", {"cmd": "echo 42"})
    endpoint.upstream.script(
        ModelResponse(Reasoning("Hm."), Text("I look."), call, whole=True), ModelResponse(Text("42"), whole=True)
    )
    run = codex.exec("go", model=endpoint.model)
    assert run.agent_messages == ["I look.", "42"]
    assert [
        message.text.endswith("Output:\n42\n")
        for message in messages_of(endpoint.upstream.received[1])
        if message.role == "output"
    ] == [True]
    assert run.usage["input_tokens"] == 200


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate"])
def test_a_compressed_answer_is_read(endpoint: Endpoint, codex: Codex, encoding: str) -> None:
    endpoint.upstream.script(ModelResponse(Text("squeezed äöü"), encoding=encoding))
    assert codex.exec("go", model=endpoint.model).agent_messages == ["squeezed äöü"]


@pytest.mark.parametrize("silence", [ModelResponse(), ModelResponse(Reasoning("The tool said enough."))])
def test_an_answer_without_a_word_after_a_tool_is_asked_for_once_more(
    endpoint: Endpoint, codex: Codex, silence: ModelResponse
) -> None:
    look = ModelResponse(Reasoning("Hm."), Call("exec_command", {"cmd": "echo seen"}))
    endpoint.upstream.script(look, silence, ModelResponse(Text("It says: seen.")))
    assert codex.exec("look", model=endpoint.model).agent_messages == ["It says: seen."]


def test_a_model_that_stays_silent_is_left_alone(endpoint: Endpoint, codex: Codex) -> None:
    endpoint.upstream.script(
        ModelResponse(Reasoning("Hm."), Call("exec_command", {"cmd": "true"})),
        ModelResponse(Reasoning("Done.")),
        ModelResponse(),
    )
    run = codex.exec("look", model=endpoint.model)
    assert (run.agent_messages, run.code) == ([], 0)
    assert len(endpoint.upstream.received) == 3
