"""What a person reads of providers' health, and resets."""

import re
from pathlib import Path

import pytest

from addons.health.addon import HealthCommands
from addons.health.health import Health
from addons.routing.account import Account, fingerprint
from addons.routing.config_watcher import ConfigWatcher
from converters.errors import Kind
from tests.addons.proxy_under_test import ROUTES

KEY = "acme-secret-4321"
ACME = Account("acme", fingerprint(KEY))


@pytest.fixture
def watcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ConfigWatcher:
    monkeypatch.setenv("ACME_KEY", KEY)
    (tmp_path / "routes.toml").write_text(ROUTES)
    watcher = ConfigWatcher()
    watcher.open(tmp_path / "routes.toml")
    return watcher


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def commands(health: Health, watcher: ConfigWatcher) -> HealthCommands:
    return HealthCommands(health, watcher)


def attempt(health: Health, kind: Kind | None, account: Account = ACME, seconds: float | None = None) -> None:
    health.end(health.begin(account), kind, first_byte_seconds=seconds)


def test_without_a_request_there_is_nothing_to_show(commands: HealthCommands) -> None:
    assert commands.show() == ["no provider was asked yet"]
    assert commands.reset() == ["there is nothing to forget"]


def test_a_line_tells_state_success_and_time_to_the_first_byte(commands: HealthCommands, health: Health) -> None:
    attempt(health, None, seconds=1.25)
    health.begin(ACME)
    assert commands.show() == [
        "acme: ok, 100% succeed, first byte after 1.2 s, 1 in flight",
        "acme key 1 (...4321): ok, 100% succeed, first byte after 1.2 s, 1 in flight",
    ]


def test_what_cools_or_is_parked_says_why_and_until_when(commands: HealthCommands, health: Health) -> None:
    attempt(health, "auth")
    attempt(health, "overloaded")
    attempt(health, "quota", Account("gone", "an old fingerprint"))
    provider, key, gone_provider, gone = commands.show()
    assert re.fullmatch(r"acme: cooling \(overloaded\) until \d{4}-\d\d-\d\d [\d:]{8}, for 5 s, 90% succeed", provider)
    assert key == "acme key 1 (...4321): parked (auth) until it changes, 90% succeed"
    assert gone_provider == "gone: ok, 100% succeed"
    assert gone.startswith("gone (a key that is not set now): cooling (quota) until ")


def test_what_is_probed_is_told(health: Health, watcher: ConfigWatcher) -> None:
    health.end(health.begin(ACME), "server", retry_after=0)
    commands = HealthCommands(health, watcher)
    assert commands.show()[0] == "acme: to be probed (server), 90% succeed"
    health.begin(ACME)
    assert commands.show()[0].startswith("acme: probing (server) until ")


def test_a_provider_is_reset_or_all_are(commands: HealthCommands, health: Health) -> None:
    attempt(health, "auth")
    attempt(health, "server", Account("theirs"))
    assert commands.reset("acme") == ["acme is as new"]
    assert [shown.account.provider for shown in health.cooling()] == ["theirs"]
    assert commands.reset() == ["acme is as new", "theirs is as new"]
    assert health.cooling() == []


def test_no_line_holds_a_key(commands: HealthCommands, health: Health) -> None:
    attempt(health, "auth")
    assert KEY not in str(commands.show())
    assert ACME.key not in str(commands.show())
