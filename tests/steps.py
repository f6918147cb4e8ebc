"""How much work a piece of Python is, counted: the same on every machine, unlike its time."""

import gc
import sys
import threading
from collections.abc import Callable

_EVENTS = sys.monitoring.events.LINE | sys.monitoring.events.JUMP | sys.monitoring.events.PY_START


def steps(work: Callable[[], object]) -> int:
    """Lines run, jumps taken and functions begun. What C code does within one call counts once.

    Nothing else counts: not what other threads do meanwhile, nor what the garbage collector calls.
    """
    count, here = 0, threading.get_ident()

    def counted(*_: object) -> None:
        nonlocal count
        count += threading.get_ident() == here

    tool = next(number for number in range(6) if sys.monitoring.get_tool(number) is None)
    sys.monitoring.use_tool_id(tool, "steps")
    gc.disable()
    try:
        for event in (sys.monitoring.events.LINE, sys.monitoring.events.JUMP, sys.monitoring.events.PY_START):
            sys.monitoring.register_callback(tool, event, counted)
        sys.monitoring.set_events(tool, _EVENTS)
        work()
    finally:
        sys.monitoring.set_events(tool, 0)
        sys.monitoring.free_tool_id(tool)
        gc.enable()
    return count
