"""Runs Python's garbage collector while no exchange runs, so that it delays no stream and memory stays small.

The bodies of an exchange are freed by reference counting when it ends. What is left are reference cycles: a
connection's layers, which are small. A full collection visits every object, and a list of kept flows holds many. So
whenever the proxy is idle, all that survives a collection is frozen (`gc.freeze`); later collections visit only what
is new since then.
"""

import asyncio
import contextlib
import ctypes
import gc
from weakref import WeakSet

from mitmproxy import connection, http

_M_MMAP_THRESHOLD = -3  # glibc's mallopt(3)
_MMAP_THRESHOLD_BYTES = 1 << 14
_UNFREEZE_AFTER_CLOSED = 200
"""Closed connections until a full collection. A connection that was frozen while open is not collected when it closes,
and leaves some 20 KB."""


def freeze_after_start() -> None:
    """To be called once everything is loaded, since that stays for good."""
    _freeze()
    # Blocks above this size are mapped one by one and go back to the system when they are freed. By default glibc
    # raises the limit with each large body and keeps the freed memory. Other systems have no mallopt, nor the problem.
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)


def _freeze() -> None:
    gc.collect()
    gc.freeze()


class GarbageCollection:
    def __init__(self) -> None:
        self._running: WeakSet[http.HTTPFlow] = WeakSet()
        self._has_garbage = False
        """Something happened since the last collection."""
        self._closed_connections = 0
        """Since the last full collection."""
        self._timer: asyncio.Task[None] | None = None

    def running(self) -> None:
        freeze_after_start()
        self._timer = asyncio.get_running_loop().create_task(self._each_second())

    def done(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        self._running.add(flow)
        self._has_garbage = True

    def response(self, flow: http.HTTPFlow) -> None:
        self._running.discard(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._running.discard(flow)

    def client_disconnected(self, client: connection.Client) -> None:
        self._closed_connections += 1
        self._has_garbage = True

    def collect_if_idle(self) -> bool:
        """Whether a collection was due and no exchange ran, so that it was done now."""
        if not self._has_garbage or any(flow.live for flow in self._running):
            return False
        if self._closed_connections >= _UNFREEZE_AFTER_CLOSED:
            gc.unfreeze()
            self._closed_connections = 0
        _freeze()
        self._has_garbage = False
        return True

    async def _each_second(self) -> None:
        while True:
            await asyncio.sleep(1)
            self.collect_if_idle()
