"""Keeps the proxy small, and its streams undisturbed.

All that is said in an exchange is freed as it ends. What is left refers to itself and waits for Python's collector: a
connection's layers, which are small. The collector looks at all objects there are, and a list of flows is many. So
what stays is put out of its sight (`gc.freeze`) at moments of rest, when no exchange runs: a collection, whenever it
comes, then looks at what is new since then.
"""

import asyncio
import contextlib
import ctypes
import gc
from weakref import WeakSet

from mitmproxy import connection, http

_M_MMAP_THRESHOLD = -3  # of glibc's mallopt(3)
_LARGE = 1 << 14  # bytes
_THAW = 200
"""Connections. One that is frozen while it is open is not found when it is closed: some 20 KB. Now and then all is
looked at, in a moment of rest, too."""


def settle() -> None:
    """To be called once all is loaded: that stays."""
    _freeze()
    # Large blocks outside the heap go back to the system when they are freed; glibc alone would raise this limit with
    # each answer and keep their holes. Elsewhere there is no mallopt, and no need.
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)


def _freeze() -> None:
    gc.collect()
    gc.freeze()


class Memory:
    def __init__(self) -> None:
        self._running: WeakSet[http.HTTPFlow] = WeakSet()
        self._is_new = False
        """Something happened since the last rest."""
        self._closed = 0
        """Connections, since all was looked at."""
        self._watching: asyncio.Task[None] | None = None

    def running(self) -> None:
        settle()
        self._watching = asyncio.get_running_loop().create_task(self._each_second())

    def done(self) -> None:
        if self._watching is not None:
            self._watching.cancel()

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        self._running.add(flow)
        self._is_new = True

    def response(self, flow: http.HTTPFlow) -> None:
        self._running.discard(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._running.discard(flow)

    def client_disconnected(self, client: connection.Client) -> None:
        self._closed += 1
        self._is_new = True

    def rest(self) -> bool:
        """To be called now and then; whether it was a moment of rest."""
        if not self._is_new or any(flow.live for flow in self._running):
            return False
        if self._closed >= _THAW:
            gc.unfreeze()
            self._closed = 0
        _freeze()
        self._is_new = False
        return True

    async def _each_second(self) -> None:
        while True:
            await asyncio.sleep(1)
            self.rest()
