"""Shows the body of a response in mitmweb and mitmproxy while it still streams.

The layer holds the bytes of a running response back from the flow, whose body is meant to be complete. Once a second
the focused flow gets the bytes received so far; other flows get their first bytes only, without which mitmweb shows "no
content" and never requests any.
"""

import asyncio
import time
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from mitmproxy import ctx, hooks, http
from mitmproxy.addons.view import View

_REFRESH_SECONDS = 1.0
_BYTES_PER_SECOND = 100_000
"""Limits the refreshes of large bodies, since content views read a body from its beginning each time."""


@dataclass
class _RunningResponse:
    body: bytearray
    """The layer's own buffer, which grows."""
    shown_bytes: int = 0
    next_refresh: float = 0.0


_running: WeakKeyDictionary[http.HTTPFlow, _RunningResponse] = WeakKeyDictionary()


def start(flow: http.HTTPFlow, body: bytearray) -> None:
    """A response begins. The caller appends its bytes to `body`."""
    _running[flow] = _RunningResponse(body)


def stop(flow: http.HTTPFlow) -> None:
    """The response is complete, and in the flow."""
    _running.pop(flow, None)


def refresh(focus: object, now: float) -> list[http.HTTPFlow]:
    """Updates the bodies of running flows, and returns the flows that changed."""
    return [flow for flow, running in list(_running.items()) if _update(flow, running, flow is focus, now)]


def _update(flow: http.HTTPFlow, running: _RunningResponse, has_focus: bool, now: float) -> bool:
    size = len(running.body)
    is_due = running.shown_bytes == 0 or (has_focus and now >= running.next_refresh)
    if flow.response is None or size == running.shown_bytes or not is_due:
        return False
    flow.response.raw_content = bytes(running.body)
    running.shown_bytes = size
    running.next_refresh = now + max(_REFRESH_SECONDS, size / _BYTES_PER_SECOND)
    return True


class LiveBodies:
    _timer: asyncio.Task[None] | None = None

    def running(self) -> None:
        view: View | None = ctx.master.addons.get("view")
        if view is not None:
            self._timer = asyncio.get_running_loop().create_task(self._each_second(view))

    def done(self) -> None:
        if self._timer:
            self._timer.cancel()

    async def _each_second(self, view: View) -> None:
        while True:
            await asyncio.sleep(_REFRESH_SECONDS)
            if flows := refresh(view.focus.flow, time.monotonic()):
                await ctx.master.addons.trigger_event(hooks.UpdateHook(flows))
