"""Anthropic's token counts as Responses counts them."""

from converters.anthropic.usage import Usage
from converters.events import UsageReported
from converters.lenient import Reader
from converters.losses import Losses


def test_nothing_is_reported_of_nothing() -> None:
    assert Usage(Reader(Losses())).update(None) == []


def test_later_counts_replace_earlier_ones_of_the_same_name() -> None:
    usage = Usage(Reader(Losses()))
    assert usage.update({"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 1}) == [
        UsageReported(12, 1, cached_tokens=7)
    ]
    assert usage.update({"output_tokens": 9, "input_tokens": 0}) == [UsageReported(12, 9, cached_tokens=7)]


def test_details_of_an_odd_shape_count_nothing() -> None:
    assert Usage(Reader(Losses())).update({"input_tokens": "many", "output_tokens": 2}) == [UsageReported(0, 2)]


def test_what_is_no_usage_is_a_loss() -> None:
    losses = Losses()
    usage = Usage(Reader(losses))
    assert usage.update([1]) == []
    assert usage.update({"input_tokens": 1e40, "output_tokens": 2, "output_tokens_details": "3"}) == [
        UsageReported(0, 2)
    ]
    assert [loss.path for loss in losses] == [
        "answer.usage",
        "answer.usage.output_tokens_details",
        "answer.usage.input_tokens",
    ]
