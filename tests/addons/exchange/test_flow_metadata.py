"""What is kept with flows is read again, whoever wrote it."""

from typing import Any

import pytest
from mitmproxy.test import tflow

from addons.exchange.flow_metadata import SIDE, as_text, is_attempt, numbers


@pytest.mark.parametrize(("metadata", "expected"), [({SIDE: "upstream"}, True), ({SIDE: "client"}, False), ({}, False)])
def test_an_attempt_is_known_by_what_its_flow_says(metadata: dict[str, str], expected: bool) -> None:
    flow = tflow.tflow()
    flow.metadata |= metadata
    assert is_attempt(flow) is expected


def test_a_saved_attempt_is_still_known_as_one() -> None:
    flow = tflow.tflow()
    flow.metadata[SIDE] = "upstream"
    assert is_attempt(type(flow).from_state(flow.get_state()))


@pytest.mark.parametrize("kept", [[], [7], [3, 1, 3], [0, 4_000_000_000]])
def test_numbers_are_kept_as_one_text_and_older_flows_have_lists(kept: list[int]) -> None:
    assert isinstance(as_text(kept), str)
    assert numbers(as_text(kept)) == numbers(kept) == kept


@pytest.mark.parametrize("kept", ["x", "1 x", "9" * 5000, [None], ["1", 2], None, 7, {}])
def test_what_somebody_else_wrote_is_no_number(kept: Any) -> None:
    assert numbers(kept) == []
