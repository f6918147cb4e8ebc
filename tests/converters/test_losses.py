"""What could not be carried over, as it is counted and told."""

from converters.losses import Losses


def test_each_loss_is_listed_once_in_order() -> None:
    losses = Losses()
    losses.note("tools[1]", "web_search", "no search upstream")
    losses.note("input[0]", "image", "text only")
    losses.note("tools[1]", "web_search", "no search upstream")
    assert [str(loss) for loss in losses] == [
        "tools[1]: web_search (no search upstream)",
        "input[0]: image (text only)",
    ]
    assert losses.summary() == "tools[1]: web_search (no search upstream); input[0]: image (text only)"


def test_of_many_losses_the_first_are_told_and_all_are_counted() -> None:
    losses = Losses()
    for index in range(100_000):
        losses.note(f"tools[{index}]", "web_search", "no search upstream")
    assert losses.total == 100_000
    assert len(losses) == 1000
    assert losses.summary().endswith("; tools[11]: web_search (no search upstream); and 99,988 more")


def test_the_clients_own_words_are_told_in_one_short_line() -> None:
    losses = Losses()
    losses.note("tool_choice", "a\n\x1b[2J" + "b" * 1_000_000, "no such choice")
    assert len(losses.summary()) < 200
    assert losses.summary().startswith("tool_choice: a [2Jb")
    assert losses.summary().isprintable()


def test_noting_the_ten_thousandth_compares_with_no_other() -> None:
    """Each was once compared with all before it: 4,000 took a second."""
    compared = 0

    class Counted(str):
        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return super().__eq__(other)

        __hash__ = str.__hash__

    losses = Losses()
    for index in range(1000):
        losses.note(Counted(f"tools[{index}]"), "web_search", "no search upstream")
    assert compared < 1000
