"""A thread whose thinking its upstream refused goes on without it, and loses nothing else."""

from converters.losses import Losses
from converters.responses.reasoning import stripped

CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
COMPACTED = {"type": "compaction", "encrypted_content": "gAAAA"}


def test_reasoning_goes_and_so_do_the_ids_that_would_miss_it() -> None:
    losses = Losses()
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"}
    raw = {"model": "m", "input": [thought, CALL | {"id": "fc_1"}, COMPACTED, "odd"]}
    assert stripped(raw, losses) == {"model": "m", "input": [CALL, COMPACTED, "odd"]}
    assert [loss.path for loss in losses] == ["input"]


def test_a_bare_question_holds_no_thinking() -> None:
    losses = Losses()
    assert stripped({"model": "m", "input": "hi"}, losses) == {"model": "m", "input": "hi"}
    assert not losses
