"""A fault's own rule: its message can be shown anywhere."""

from converters.errors import Fault


def test_the_message_is_one_line() -> None:
    assert Fault("cut", "a\n\x1b[0mb").message == "a [0mb"
    assert len(Fault("cut", "x" * 10**6).message) == 1000
