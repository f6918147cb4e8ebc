"""Keeps the proxy small: answers are few, large and short-lived, which neither the collector nor the heap expects."""

import contextlib
import ctypes
import gc

_M_MMAP_THRESHOLD = -3  # of glibc's mallopt(3)
_LARGE = 1 << 14  # bytes


def settle() -> None:
    """To be called once all is loaded: that stays, and out of the collector's sight it finds little to look at."""
    gc.collect()
    gc.freeze()
    # Large blocks outside the heap go back to the system when they are freed; glibc alone would raise this limit with
    # each answer and keep their holes. Elsewhere there is no mallopt, and no need.
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)


def sweep() -> int:
    """To be called now and then; how many objects were found.

    The layers of a closed connection refer to each other, and to the buffers of what was last said. Left to itself the
    collector comes when there are many objects, and these are few.
    """
    return gc.collect()
