"""The routes file while it is edited."""

import logging
import os
from pathlib import Path

import pytest

from addons.routing.config import ConfigError
from addons.routing.config_watcher import ConfigWatcher

GOOD = '[[routes]]\nmodels = ["a-*"]\nproviders = ["ollama"]\n'
OTHER = '[[routes]]\nmodels = ["b-*"]\nproviders = ["ollama"]\n'


def globs(watcher: ConfigWatcher) -> list[str]:
    return [glob for route in watcher.current.routes for glob in route.models]


def save(path: Path, text: str) -> None:
    """Replaces the file, as many editors do."""
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").replace(path)


@pytest.fixture
def watcher(tmp_path: Path) -> ConfigWatcher:
    (tmp_path / "routes.toml").write_text(GOOD)
    watcher = ConfigWatcher()
    watcher.open(tmp_path / "routes.toml")
    return watcher


def test_a_good_edit_applies(watcher: ConfigWatcher) -> None:
    assert watcher.path
    save(watcher.path, OTHER)
    watcher.refresh()
    assert globs(watcher) == ["b-*"]


def test_a_bad_edit_is_reported_once_and_the_last_good_routes_stay(
    watcher: ConfigWatcher, caplog: pytest.LogCaptureFixture
) -> None:
    assert watcher.path
    save(watcher.path, GOOD.replace("providers", "provders"))
    with caplog.at_level(logging.ERROR):
        watcher.refresh()
        watcher.refresh()
    (message,) = [record.getMessage() for record in caplog.records]
    assert "routes[0].provders" in message
    assert globs(watcher) == ["a-*"]
    save(watcher.path, OTHER)
    watcher.refresh()
    assert globs(watcher) == ["b-*"]


def test_the_routes_of_a_deleted_file_stay(watcher: ConfigWatcher) -> None:
    assert watcher.path
    os.unlink(watcher.path)
    watcher.refresh()
    assert globs(watcher) == ["a-*"]


def test_a_bad_file_at_the_start_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "routes.toml").write_text("[[routes]]\n")
    watcher = ConfigWatcher()
    with pytest.raises(ConfigError, match=r"routes\[0\]"):
        watcher.open(tmp_path / "routes.toml")
    assert watcher.path is None


def test_without_a_file_the_shipped_providers_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = ConfigWatcher()
    assert watcher.current.endpoints("deepseek-v4-pro", {"DEEPSEEK_API_KEY": "k"})
    assert watcher.current.endpoints("deepseek-v4-pro", {}) == []


def test_the_keys_are_those_of_all_its_providers_that_are_set(
    watcher: ConfigWatcher, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert watcher.path
    (tmp_path / "open-to-all").write_text("never-read")
    (tmp_path / "open-to-all").chmod(0o644)
    names = '"FIRST_KEY", "SECOND_KEY", "UNSET_KEY", "OPEN_KEY"'
    save(
        watcher.path,
        f'[providers.acme]\nprotocol = "chat"\nbase_url = "https://acme"\nkey_env = [{names}]\nkey_env_else = ["ELSE_KEY"]',
    )
    watcher.refresh()
    monkeypatch.setenv("FIRST_KEY", "first-secret")
    monkeypatch.setenv("SECOND_KEY", "second-secret,third-secret")
    monkeypatch.setenv("ELSE_KEY", "not-used-and-secret")
    monkeypatch.setenv("OPEN_KEY_FILE", str(tmp_path / "open-to-all"))
    keys = set(watcher.keys())
    assert keys >= {"first-secret", "second-secret", "third-secret", "not-used-and-secret"}
    assert "never-read" not in keys


BROKEN = {
    "empty": "",
    "blank": "\n  \n# nothing yet\n",
    "cut": GOOD[:30],
    "long number": "a = " + "9" * 5000,
    "deep": "a = " + "[" * 3000,
    "deep but closed": "a = " + "[" * 3000 + "]" * 3000,
    "deep tables": "a = " + "{a = " * 3000,
    "wrong types": "routes = 5\nproviders = [1]",
    "NUL": "\0",
    "headings alone": "routes = []\n[providers]\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_the_last_good_routes_stay_until_a_valid_file_is_saved(
    watcher: ConfigWatcher, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert watcher.path
    watcher.path.write_text(text)  # in place, as some editors do
    watcher.refresh()
    assert globs(watcher) == ["a-*"]
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    save(watcher.path, OTHER)
    watcher.refresh()
    assert globs(watcher) == ["b-*"]


def test_a_file_that_is_not_utf8_changes_nothing(watcher: ConfigWatcher) -> None:
    assert watcher.path
    watcher.path.write_bytes(b"\xff\xfe")
    watcher.refresh()
    assert globs(watcher) == ["a-*"]


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_each_of_them_is_an_error_at_the_start(text: str, tmp_path: Path) -> None:
    (tmp_path / "routes.toml").write_text(text)
    with pytest.raises(ConfigError):
        ConfigWatcher().open(tmp_path / "routes.toml")


def test_an_empty_file_is_reported_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "routes.toml").write_text("")
    with pytest.raises(ConfigError, match=r"routes\.toml: is empty"):
        ConfigWatcher().open(tmp_path / "routes.toml")


def test_a_mistyped_section_is_not_taken_for_an_empty_file(tmp_path: Path) -> None:
    file = tmp_path / "routes.toml"
    file.write_text("[routs]\n")
    with pytest.raises(ConfigError, match="routs: unknown key"):
        ConfigWatcher().open(file)


def test_secrets_in_a_providers_headers_count_as_keys(watcher: ConfigWatcher) -> None:
    assert watcher.path
    headers = '{ X-Gateway-Pass = "hidden", User-Agent = "acme/1" }'
    save(watcher.path, f'[providers.acme]\nprotocol = "chat"\nbase_url = "https://acme"\nheaders = {headers}')
    watcher.refresh()
    known = set(watcher.keys())
    assert "hidden" in known and "acme/1" not in known
    assert "hidden" not in repr(watcher.current.providers["acme"])
