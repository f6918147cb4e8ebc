"""Which key is behind an account."""

from addons.health.present_keys import PresentKey, present_keys
from addons.routing import config
from addons.routing.account import Account, fingerprint

ROUTES = """
[providers.acme]
protocol = "chat"
base_url = "http://acme:1"
key_env = ["ACME_KEY", "ACME_SPARE"]
"""


def test_keys_are_told_by_number_and_by_their_last_characters() -> None:
    environ = {"ACME_KEY": "acme-secret-1111", "ACME_SPARE": "short", "DEEPSEEK_API_KEY": "d" * 20}
    assert present_keys(config.parse(ROUTES), environ) == {
        Account("acme", fingerprint("acme-secret-1111")): PresentKey(1, "...1111"),
        Account("acme", fingerprint("short")): PresentKey(2, "..."),
        Account("deepseek", fingerprint("d" * 20)): PresentKey(1, "...dddd"),
        Account("deepseek-anthropic", fingerprint("d" * 20)): PresentKey(1, "...dddd"),
    }


def test_the_same_key_twice_has_its_first_number() -> None:
    environ = {"ACME_KEY": "acme-secret-1111", "ACME_SPARE": "acme-secret-1111"}
    assert list(present_keys(config.parse(ROUTES), environ).values()) == [PresentKey(1, "...1111")]


def test_a_key_that_cannot_be_used_is_left_out() -> None:
    assert present_keys(config.parse(ROUTES), {"ACME_KEY": "two words"}) == {}
