"""When the store is opened, and where."""

import logging
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy.test import taddons

from addons.state.addon import State
from addons.state.database import FILE_NAME


@pytest.fixture
def context() -> Iterator[taddons.context]:
    with taddons.context() as context:
        yield context


def started(context: taddons.context, **options: str) -> State:
    addon = State()
    context.master.addons.add(addon)
    context.options.update(**options)
    addon.running()
    return addon


def rows_after(context: taddons.context, addon: State) -> dict[str, object]:
    """What the next proxy finds, after this one remembered a row."""
    addon.store.put("health", "acme", {"until": 1})
    addon.done()
    addon.running()
    rows = dict(addon.store.load("health"))
    addon.done()
    return rows


def test_nothing_is_opened_before_the_proxy_runs(context: taddons.context, state: Path, tmp_path: Path) -> None:
    addon = State()
    context.master.addons.add(addon)
    context.options.update(state_dir=str(tmp_path / "own"))
    addon.store.put("health", "acme", {"until": 1})
    addon.done()
    assert not state.exists()
    assert not (tmp_path / "own").exists()


def test_by_default_it_is_in_the_platforms_folder(context: taddons.context, state: Path) -> None:
    assert rows_after(context, started(context)) == {"acme": {"until": 1}}
    assert (state / "transcodex" / FILE_NAME).exists()


def test_the_user_may_name_a_folder(context: taddons.context, state: Path, tmp_path: Path) -> None:
    assert rows_after(context, started(context, state_dir=str(tmp_path / "own"))) == {"acme": {"until": 1}}
    assert (tmp_path / "own" / FILE_NAME).exists()
    assert not state.exists()


def test_a_tilde_is_the_home(context: taddons.context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    rows_after(context, started(context, state_dir="~/own"))
    assert (tmp_path / "own" / FILE_NAME).exists()


def test_the_user_may_want_none(
    context: taddons.context, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert rows_after(context, started(context, state_dir="none")) == {}
    assert not state.exists()
    assert list(tmp_path.iterdir()) == []


def test_the_folder_may_change_while_the_proxy_runs(context: taddons.context, tmp_path: Path) -> None:
    addon = started(context, state_dir=str(tmp_path / "one"))
    context.options.update(state_dir=str(tmp_path / "two"))
    rows_after(context, addon)
    assert (tmp_path / "two" / FILE_NAME).exists()


def test_without_a_home_there_is_memory_alone(
    context: taddons.context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def nobody(uid: int) -> object:
        raise KeyError(uid)

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with caplog.at_level(logging.WARNING):
        addon = started(context)
    addon.done()
    (message,) = caplog.messages
    assert "no home" in message
    assert os.listdir(tmp_path) == []


def test_whoever_remembers_is_told_what_was_remembered(context: taddons.context, state: Path) -> None:
    rows_after(context, started(context))
    addon, told = State(), []
    addon.remember("health", told.append)
    addon.running()
    addon.done()
    assert told == [{"acme": {"until": 1}}]
