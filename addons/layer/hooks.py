"""A hook costs nothing at an addon that does not have it.

mitmproxy enters a context and a coroutine for each of its forty addons, twice a hook, whether that addon knows the hook
or not. An exchange has nine hooks, and most addons know none of them.
"""

from collections.abc import Iterable

from mitmproxy import exceptions
from mitmproxy.addonmanager import AddonManager, safecall
from mitmproxy.hooks import Hook


async def trigger_event(self: AddonManager, event: Hook) -> None:
    """`AddonManager.trigger_event`, for those addons alone that have something to call."""
    for addon in self.chain:
        if _has(addon, event.name):
            try:
                with safecall():
                    await self.invoke_addon(addon, event)
            except exceptions.AddonHalt:
                return


def _has(addon: object, name: str) -> bool:
    """Whether the addon, or one that it holds, has the hook."""
    if hasattr(addon, name):
        return True
    held: Iterable[object] = getattr(addon, "addons", ())
    return any(_has(one, name) for one in held) if held else False
