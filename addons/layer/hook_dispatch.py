"""A hook costs nothing at an addon that does not have it.

mitmproxy enters a context and a coroutine for each of its forty addons, twice a hook, whether that addon knows the hook
or not. An exchange has nine hooks, and most addons know none of them.
"""

from collections.abc import Iterable
from typing import Any

from mitmproxy import addonmanager, exceptions
from mitmproxy.addonmanager import AddonManager
from mitmproxy.hooks import Hook

USES: dict[Any, tuple[str, ...]] = {AddonManager: ("invoke_addon", "chain"), addonmanager: ("safecall",)}


async def trigger_event(self: AddonManager, event: Hook) -> None:
    """`AddonManager.trigger_event`, for those addons alone that have something to call."""
    for addon in self.chain:
        if _has(addon, event.name):
            try:
                with addonmanager.safecall():
                    await self.invoke_addon(addon, event)
            except exceptions.AddonHalt:
                return


def _has(addon: object, name: str) -> bool:
    """Whether the addon, or one that it holds, has the hook."""
    if hasattr(addon, name):
        return True
    inner: Iterable[object] = getattr(addon, "addons", ())
    return any(_has(addon, name) for addon in inner) if inner else False
