"""Token counts, wherever and however they are told."""

from typing import Any

import pytest

from converters.chat import usage
from converters.events import UsageReported
from converters.jsontext import Json
from converters.lenient import Reader
from converters.losses import Losses

READ = Reader(Losses())
COUNTS = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


@pytest.mark.parametrize(
    "chunk",
    [
        {"choices": [], "usage": COUNTS},
        {"choices": [{"index": 0, "usage": COUNTS}], "usage": None},
        {"choices": [{"index": 0}], "x_groq": {"usage": COUNTS}},
    ],
)
def test_finds_the_counts_in_any_place(chunk: Json) -> None:
    assert usage.find(chunk, READ) == COUNTS


@pytest.mark.parametrize("chunk", [{}, {"usage": None}, {"usage": {}}, {"choices": [{}], "x_groq": {"id": "r"}}])
def test_finds_none_where_there_is_none(chunk: Json) -> None:
    assert usage.find(chunk, READ) == {}


@pytest.mark.parametrize(
    ("fields", "report"),
    [
        ({}, UsageReported(10, 5)),
        ({"prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3}}, UsageReported(10, 5, 4, 3)),
        ({"prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 6}, UsageReported(10, 5, 4)),
        ({"cached_tokens": 4}, UsageReported(10, 5, 4)),
        ({"completion_tokens_details": {"reasoning_tokens": 3}}, UsageReported(10, 5, 0, 0, 3)),
        ({"prompt_tokens_details": None, "completion_tokens": None, "total_tokens": 10}, UsageReported(10, 0)),
        ({"prompt_tokens_details": {"cached_tokens": None}, "total_tokens": 99}, UsageReported(10, 5)),
    ],
)
def test_reads_every_spelling(fields: Any, report: UsageReported) -> None:
    assert usage.report({**COUNTS, **fields}, READ) == report


def test_reasoning_that_only_the_total_counts_is_output() -> None:
    result = {"prompt_tokens": 12, "completion_tokens": 1, "total_tokens": 303}
    result = {**result, "completion_tokens_details": {"reasoning_tokens": 290}}
    assert usage.report(result, READ) == UsageReported(12, 291, 0, 0, 290)


@pytest.mark.parametrize("odd", ["12", ["12"], 7, True])
def test_usage_that_is_none_is_a_loss(odd: Any) -> None:
    losses = Losses()
    assert usage.find({"usage": odd, "choices": []}, Reader(losses)) == {}
    assert [loss.path for loss in losses] == ["answer.usage"]


@pytest.mark.parametrize("odd", ["many", [], 1e40, -1, 2**64, {"a": 1}, True, float("nan")])
def test_a_count_that_is_none_is_0_and_the_others_are_told(odd: Any) -> None:
    result = {"prompt_tokens": odd, "completion_tokens": 5, "prompt_tokens_details": odd}
    assert usage.report(result, READ) == UsageReported(0, 5)


def test_a_count_may_come_as_a_text_or_with_a_point() -> None:
    assert usage.report({"prompt_tokens": "12", "completion_tokens": 5.0}, READ) == UsageReported(12, 5)
