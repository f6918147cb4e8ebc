"""The ids of calls as an upstream takes them: the same id in every turn, two calls never share one."""

import hashlib
import re
from collections.abc import Callable

from converters.chat.dialect import ChatDialect
from converters.responses.history import Call

_SHORT = 40
_PLAIN = re.compile(r"[\w.:-]{1,40}", re.ASCII)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class CallIds:
    """Hands out the ids of one conversation, in order; `name` is the call's function upstream."""

    def __init__(self, dialect: ChatDialect) -> None:
        self._kind = dialect.call_ids
        self._given: set[str] = set()

    def give(self, call: Call, name: str) -> str:
        if self._kind == "indexed":
            # The model was trained on an index that counts all calls of the conversation.
            wanted = f"functions.{name}:{len(self._given)}"
        else:
            wanted = _unique(call.id, _FORMS[self._kind], self._given)
        self._given.add(wanted)
        return wanted


def _unique(wanted: str, form: Callable[[str], str], given: set[str]) -> str:
    found, number = form(wanted), 2
    while found in given:
        found, number = form(f"{wanted}_{number}"), number + 1
    return found


def _short(wanted: str) -> str:
    if _PLAIN.fullmatch(wanted):
        return wanted
    clean = re.sub(r"[^a-zA-Z0-9_-]", "_", wanted[: _SHORT - 9])
    return f"{clean}_{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"


def _nine(wanted: str) -> str:
    if len(wanted) == 9 and wanted.isascii() and wanted.isalnum():
        return wanted
    number = int.from_bytes(hashlib.sha256(wanted.encode()).digest()[:8])
    return "".join(_DIGITS[number // 62**place % 62] for place in range(9))


_FORMS: dict[str, Callable[[str], str]] = {"short": _short, "opaque": str, "nine": _nine}
