import re

from addons.routing.account import fingerprint, last_four

KEY = "key-acme-0123456789abcdef"


def test_a_fingerprint_tells_keys_apart_and_holds_nothing_of_them() -> None:
    assert re.fullmatch("[0-9a-f]{12}", fingerprint(KEY))
    assert fingerprint(KEY) == fingerprint(KEY) != fingerprint(KEY + "0")


def test_four_characters_are_shown_of_a_key_that_is_long_enough_to_keep_the_rest() -> None:
    assert last_four(KEY) == "...cdef"
    assert last_four("short") == "..."
