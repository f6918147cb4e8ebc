"""What has come so far of an answer that still runs, for those who look at it in mitmweb or mitmproxy.

The layer keeps the bytes of a running answer to itself, since a flow's body is meant to be whole. Once a second the
flow that has the focus is given what there is by then; others get their first bytes, without which mitmweb says that
there is no content and asks for none.
"""

import asyncio
import time
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from mitmproxy import ctx, hooks, http
from mitmproxy.addons.view import View

_PERIOD = 1.0  # seconds
_BYTES_A_SECOND = 100_000
"""What is shown anew is read anew from its beginning: a large answer is shown the less often the larger it is."""


@dataclass
class _Running:
    body: bytearray
    """The layer's own, which grows."""
    shown: int = 0
    next_time: float = 0.0


_running: WeakKeyDictionary[http.HTTPFlow, _Running] = WeakKeyDictionary()


def began(flow: http.HTTPFlow, body: bytearray) -> None:
    """An answer begins. Its bytes are appended to `body`."""
    _running[flow] = _Running(body)


def ended(flow: http.HTTPFlow) -> None:
    """The flow has its body itself from now on."""
    _running.pop(flow, None)


def refresh(focus: object, now: float) -> list[http.HTTPFlow]:
    """Gives running flows what came of their answers, and says which these are."""
    return [flow for flow, running in list(_running.items()) if _is_shown(flow, running, flow is focus, now)]


def _is_shown(flow: http.HTTPFlow, running: _Running, has_focus: bool, now: float) -> bool:
    size = len(running.body)
    is_due = running.shown == 0 or (has_focus and now >= running.next_time)
    if flow.response is None or size == running.shown or not is_due:
        return False
    flow.response.raw_content = bytes(running.body)
    running.shown, running.next_time = size, now + max(_PERIOD, size / _BYTES_A_SECOND)
    return True


class LiveBodies:
    _refreshing: asyncio.Task[None] | None = None

    def running(self) -> None:
        view: View | None = ctx.master.addons.get("view")
        if view is not None:
            self._refreshing = asyncio.get_running_loop().create_task(self._each_second(view))

    def done(self) -> None:
        if self._refreshing:
            self._refreshing.cancel()

    async def _each_second(self, view: View) -> None:
        while True:
            await asyncio.sleep(_PERIOD)
            if flows := refresh(view.focus.flow, time.monotonic()):
                await ctx.master.addons.trigger_event(hooks.UpdateHook(flows))
