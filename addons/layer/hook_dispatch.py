"""A hook costs nothing at an addon that does not have it.

mitmproxy enters a context and a coroutine for each of its fifty addons, twice a hook, whether that addon knows the hook
or not. An exchange has nine hooks, and most addons know none of them.
"""

import inspect
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from mitmproxy import addonmanager, exceptions
from mitmproxy.addonmanager import AddonManager
from mitmproxy.hooks import Hook

USES: dict[Any, tuple[str, ...]] = {AddonManager: ("chain", "lookup"), addonmanager: ("safecall", "traverse")}

type Group = tuple[object, ...]
"""The addons with a hook that are one addon of the chain, or in it: where one of them raises, the rest is left out."""


class _Concerned:
    """Who has which hook, as long as the addons are these."""

    def __init__(self, manager: AddonManager) -> None:
        self._chain = manager.chain
        self._addons = _registered(manager)
        self._groups: dict[str, list[Group]] = {}

    def is_of(self, manager: AddonManager) -> bool:
        return self._addons == _registered(manager)

    def groups(self, name: str) -> list[Group]:
        if name not in self._groups:
            found = (tuple(_having(name, addon)) for addon in self._chain)
            self._groups[name] = [group for group in found if group]
        return self._groups[name]


_concerned: WeakKeyDictionary[AddonManager, _Concerned] = WeakKeyDictionary()


async def trigger_event(self: AddonManager, event: Hook) -> None:
    """`AddonManager.trigger_event`, for those addons alone that have something to call."""
    concerned = _concerned.get(self)
    if concerned is None or not concerned.is_of(self):
        concerned = _concerned[self] = _Concerned(self)
    arguments = event.args()
    for group in concerned.groups(event.name):
        try:
            with addonmanager.safecall():
                for addon in group:
                    result = getattr(addon, event.name)(*arguments)
                    if result is not None and inspect.isawaitable(result):
                        await result
        except exceptions.AddonHalt:
            return


def _registered(manager: AddonManager) -> tuple[object, ...]:
    """All addons, those within others included: another tuple whenever one comes or goes."""
    return tuple(manager.lookup.values())


def _having(name: str, addon: object) -> list[object]:
    handlers = ((inner, getattr(inner, name, None)) for inner in addonmanager.traverse([addon]))
    # An imported module may bear the name of a hook.
    return [inner for inner, handler in handlers if handler and not isinstance(handler, ModuleType)]
