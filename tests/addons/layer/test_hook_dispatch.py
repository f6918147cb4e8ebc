"""Hooks reach those who have them, and cost nothing elsewhere."""

from collections.abc import Iterator

import pytest
from mitmproxy import addonmanager, exceptions
from mitmproxy.proxy.layers.http import HttpRequestHook
from mitmproxy.test import taddons, tflow

from addons.layer import hook_dispatch


class Deaf:
    name = "deaf"


class Counts:
    def __init__(self, name: str, error: Exception | None = None) -> None:
        self.name, self.error = name, error
        self.calls = 0

    def request(self, _: object) -> None:
        self.calls += 1
        if self.error:
            raise self.error


class Slow(Counts):
    async def request(self, _: object) -> None:  # type: ignore[override]
        self.calls += 1


class Holds:
    def __init__(self, name: str, *addons: object) -> None:
        self.name, self.addons = name, addons


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[addonmanager.AddonManager]:
    monkeypatch.setattr(addonmanager.AddonManager, "trigger_event", hook_dispatch.trigger_event)
    with taddons.context() as context:
        yield context.master.addons


async def test_all_that_have_a_hook_hear_it(manager: addonmanager.AddonManager) -> None:
    first, inner, slow = Counts("first"), Counts("inner"), Slow("slow")
    manager.add(first, Deaf(), Holds("outer", Holds("middle", inner)), slow)
    await manager.handle_lifecycle(HttpRequestHook(tflow.tflow()))
    assert (first.calls, inner.calls, slow.calls) == (1, 1, 1)


async def test_one_that_breaks_keeps_the_others_from_nothing(
    manager: addonmanager.AddonManager, caplog: pytest.LogCaptureFixture
) -> None:
    broken, last = Counts("broken", ValueError("oops")), Counts("last")
    manager.add(broken, last)
    await manager.trigger_event(HttpRequestHook(tflow.tflow()))
    assert (broken.calls, last.calls) == (1, 1)
    assert "Addon error: oops" in caplog.text


async def test_one_that_halts_is_the_last(manager: addonmanager.AddonManager) -> None:
    halts, last = Counts("halts", exceptions.AddonHalt()), Counts("last")
    manager.add(halts, last)
    await manager.trigger_event(HttpRequestHook(tflow.tflow()))
    assert (halts.calls, last.calls) == (1, 0)


async def test_one_that_comes_later_is_found_and_one_that_goes_is_not(manager: addonmanager.AddonManager) -> None:
    early, late = Counts("script"), Counts("script")
    outer = Holds("outer")
    held: list[object] = [early]
    outer.addons = held  # type: ignore[assignment]  # as a script's, which is read anew
    manager.add(outer)
    await manager.trigger_event(HttpRequestHook(tflow.tflow()))
    manager.remove(early)
    held[:] = [manager.register(late)]
    await manager.trigger_event(HttpRequestHook(tflow.tflow()))
    assert (early.calls, late.calls) == (1, 1)


async def test_a_module_with_the_name_of_a_hook_is_none(
    manager: addonmanager.AddonManager, caplog: pytest.LogCaptureFixture
) -> None:
    imports, last = Deaf(), Counts("last")
    imports.request = pytest  # type: ignore[attr-defined]
    manager.add(imports, last)
    await manager.trigger_event(HttpRequestHook(tflow.tflow()))
    assert last.calls == 1
    assert caplog.text == ""


async def test_where_one_within_another_breaks_the_rest_of_that_is_left_out(
    manager: addonmanager.AddonManager,
) -> None:
    broken, beside, last = Counts("broken", ValueError("oops")), Counts("beside"), Counts("last")
    manager.add(Holds("outer", broken, beside), last)
    await manager.trigger_event(HttpRequestHook(tflow.tflow()))
    assert (broken.calls, beside.calls, last.calls) == (1, 0, 1)
