"""Names of which no two are the same."""

from converters.tools.unique_names import UniqueNames


def test_what_was_given_before_gets_a_number() -> None:
    names = UniqueNames("_")
    assert [names.give(element) for element in ("a", "b", "a", "a_2", "a", "a_2")] == [
        "a",
        "b",
        "a_2",
        "a_2_2",
        "a_3",
        "a_2_3",
    ]


def test_a_hundred_thousand_equal_ones_do_not_each_count_from_the_first() -> None:
    names = UniqueNames("-")
    assert len({names.give("call") for _ in range(100_000)}) == 100_000
