"""A message's types are checked without leaving anything behind.

mitmproxy checks each new message's fields one by one, and finds an optional field right by failing first. Each such
failure leaves a traceback that refers to itself and, through the frames, to all that was at hand: whole responses, kept
until the garbage collector happens to come by.
"""

from dataclasses import fields
from functools import cache
from typing import Any

from mitmproxy.http import MessageData

_check: Any = getattr(MessageData, "__post_init__", None)  # python -O leaves it out


def check(self: MessageData) -> None:
    """`MessageData.__post_init__`, called only for what looks wrong."""
    if not all(isinstance(getattr(self, name), kind) for name, kind in _types(type(self))):
        _check(self)


@cache
def _types(message: type[MessageData]) -> list[tuple[str, Any]]:
    return [(field.name, field.type) for field in fields(message)]
