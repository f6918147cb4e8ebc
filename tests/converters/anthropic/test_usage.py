"""Anthropic's token counts as Responses counts them."""

from converters.anthropic.usage import Usage
from converters.events import UsageReported


def test_nothing_is_reported_of_nothing() -> None:
    assert Usage().update(None) == []


def test_later_counts_replace_earlier_ones_of_the_same_name() -> None:
    usage = Usage()
    assert usage.update({"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 1}) == [
        UsageReported(12, 1, cached_tokens=7)
    ]
    assert usage.update({"output_tokens": 9, "input_tokens": 0}) == [UsageReported(12, 9, cached_tokens=7)]


def test_details_of_an_odd_shape_count_nothing() -> None:
    assert Usage().update({"input_tokens": "many", "output_tokens": 2}) == [UsageReported(0, 2)]
