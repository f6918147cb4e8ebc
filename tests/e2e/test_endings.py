"""However an answer ends, Codex is told the truth: nothing half said is acted on, nothing broken passes for whole."""

import pytest

from tests.e2e.answers import Call, Ending, Say, Text, Think
from tests.e2e.codex import Codex
from tests.e2e.conftest import Side
from tests.e2e.heard import heard

BROKEN: list[Ending] = ["drop", "silence"]


@pytest.mark.parametrize("ends", BROKEN)
def test_a_call_of_a_broken_answer_does_not_run(side: Side, codex: Codex, ends: Ending) -> None:
    """Its arguments are complete; that the model meant to end there, nobody said."""
    call = Call("exec_command", {"cmd": "touch must-not-exist"})
    side.upstream.script(Say(Think("Hm."), Text("I will"), call, ends=ends))
    run = codex.exec("go", model=side.model)
    assert not (codex.work / "must-not-exist").exists()
    assert run.items("command_execution") == []
    assert "stream disconnected before completion" in run.failure
    assert f"strict-{side.name}" in run.failure
    assert run.code == 1


@pytest.mark.parametrize("ends", BROKEN)
def test_a_patch_of_a_broken_answer_is_not_applied(side: Side, codex: Codex, ends: Ending) -> None:
    patch = "*** Begin Patch\n*** Add File: must-not-exist\n+x\n*** End Patch\n"
    side.upstream.script(Say(Think("Hm."), Call("apply_patch", {"input": patch}), ends=ends))
    codex.exec("go", model=side.like("gpt-5.5"))
    assert not (codex.work / "must-not-exist").exists()


@pytest.mark.parametrize("ends", BROKEN)
def test_a_broken_answer_is_asked_for_again(side: Side, codex: Codex, ends: Ending) -> None:
    codex.provider["stream_max_retries"] = 1
    side.upstream.script(Say(Text("half a"), ends=ends), Say(Text("a whole answer")))
    run = codex.exec("go", model=side.model)
    assert (run.said[-1], run.failure) == ("a whole answer", "")
    assert len(side.upstream.received) == 2


def test_an_upstream_that_stalls_is_given_up(side: Side, codex: Codex) -> None:
    call = Call("exec_command", {"cmd": "touch must-not-exist"})
    side.upstream.script(Say(Think("Hm."), call, ends="stall"))
    run = codex.exec("go", model=f"impatient-{side.name}")
    assert not (codex.work / "must-not-exist").exists()
    assert "stream disconnected before completion" in run.failure
    assert side.upstream.client_left.wait(5)


def test_an_answer_cut_by_its_limit_is_no_success(side: Side, codex: Codex) -> None:
    side.upstream.script(Say(Text("and so on and"), stop="length"))
    run = codex.exec("go", model=side.model)
    assert "max_output_tokens" in run.failure
    assert run.code == 1


def test_a_call_of_an_answer_cut_by_its_limit_does_not_run(side: Side, codex: Codex) -> None:
    """It reads as complete JSON, but of a command that was to go on, or of calls that were to follow, nobody knows."""
    call = Call("exec_command", {"cmd": "touch must-not-exist"})
    side.upstream.script(Say(Think("Hm."), call, stop="length"))
    run = codex.exec("go", model=side.model)
    assert not (codex.work / "must-not-exist").exists()
    assert "max_output_tokens" in run.failure


def test_a_json_answer_where_a_stream_was_asked_is_as_good(side: Side, codex: Codex) -> None:
    call = Call("exec_command", {"cmd": "echo 42"})
    side.upstream.script(Say(Think("Hm."), Text("I look."), call, whole=True), Say(Text("42"), whole=True))
    run = codex.exec("go", model=side.model)
    assert run.said == ["I look.", "42"]
    assert [one.text.endswith("Output:\n42\n") for one in heard(side.upstream.received[1]) if one.role == "output"] == [
        True
    ]
    assert run.usage["input_tokens"] == 200


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate"])
def test_a_compressed_answer_is_read(side: Side, codex: Codex, encoding: str) -> None:
    side.upstream.script(Say(Text("squeezed äöü"), encoding=encoding))
    assert codex.exec("go", model=side.model).said == ["squeezed äöü"]


@pytest.mark.parametrize("silence", [Say(), Say(Think("The tool said enough."))])
def test_an_answer_without_a_word_after_a_tool_is_asked_for_once_more(side: Side, codex: Codex, silence: Say) -> None:
    look = Say(Think("Hm."), Call("exec_command", {"cmd": "echo seen"}))
    side.upstream.script(look, silence, Say(Text("It says: seen.")))
    assert codex.exec("look", model=side.model).said == ["It says: seen."]


def test_a_model_that_stays_silent_is_left_alone(side: Side, codex: Codex) -> None:
    side.upstream.script(Say(Think("Hm."), Call("exec_command", {"cmd": "true"})), Say(Think("Done.")), Say())
    run = codex.exec("look", model=side.model)
    assert (run.said, run.code) == ([], 0)
    assert len(side.upstream.received) == 3
