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
