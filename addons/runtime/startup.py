"""What goes wrong while mitmproxy starts with us ends the program, in one line and before a request is served.

mitmproxy itself would log it, or not even that, and go on without us: then every request, with its credentials, would
go to the reverse target.
"""

import difflib
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from mitmproxy import ctx, exceptions, http
from mitmproxy.addonmanager import Loader
from mitmproxy.optmanager import OptManager

_OF_ANOTHER_PROGRAM = re.compile(r"(console|dumper|intercept|termlog|view|web)(_\w+)?|flow_detail|keepserving")
"""Options that mitmproxy's three programs do not share: the same command may start any of them."""


@contextmanager
def one_line() -> Iterator[None]:
    """For what happens at a start, as a decorator or with `with`. A program that runs goes on, and tells."""
    try:
        yield
    except Exception as error:  # the boundary to mitmproxy, which would go on
        if not _is_starting():
            raise
        sys.exit(f"transcodex: {_told(error)}")


class Options:
    """Takes the options that mitmproxy has put off until we would know them. To be loaded last: then all are known.

    Until it is sure that none was mistyped, nothing is answered.
    """

    _are_sure = False

    @one_line()
    def load(self, loader: Loader) -> None:
        take(ctx.options)
        scripts = getattr(ctx.master.addons.get("scriptloader"), "addons", [])
        others_may_know = _is_starting() and sum(script.ns is None for script in scripts) > 1  # ours, and some to come
        if not others_may_know:
            self._be_sure()

    def running(self) -> None:
        if not self._are_sure:
            self._be_sure()

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if flow.response is None and not self._are_sure:
            flow.request.stream = False
            flow.response = http.Response.make(503, b"this proxy is not ready", {"retry-after": "1"})

    def _be_sure(self) -> None:
        if lines := unknown(ctx.options):
            sys.exit(f"transcodex: {'; '.join(lines)}")
        self._are_sure = True


def take(options: OptManager) -> None:
    """Sets what was given for options that are known by now.

    Raises:
        OptionsError: it cannot be taken.
    """
    for name, value in list(options.deferred.items()):
        if name in options:
            del options.deferred[name]
            _set(options, name, value)


def unknown(options: OptManager) -> list[str]:
    """What nobody knows of the options that were given, a line each.

    mitmproxy's own file of options may name those of scripts that are not loaded now; what looks like one of ours is
    told all the same.
    """
    lines = []
    for name, value in options.deferred.items():
        if _OF_ANOTHER_PROGRAM.fullmatch(name):
            continue
        close = difflib.get_close_matches(name, options.keys(), n=1)
        if close or _typed(value) is not None:
            meant = f" (did you mean {close[0]}?)" if close else ""
            lines.append(f"unknown option {name[:80]!a}{meant}")
    return lines


def _set(options: OptManager, name: str, value: object) -> None:
    typed = _typed(value)
    if typed is not None and len(typed) > 1 and not isinstance(getattr(options, name), list | tuple):
        raise exceptions.OptionsError(f"{name}: given {len(typed)} times, where one value is possible")
    try:
        if typed is None:
            options.update(**{name: value})
        else:
            options.set(*([f"{name}={one}" for one in typed] or [name]))
    except TypeError:
        raise exceptions.OptionsError(f"{name}: is of another kind than this option wants") from None


def _typed(value: object) -> list[str] | None:
    """What stands behind `--set name=` each time; None: it was read from mitmproxy's file of options."""
    typed: list[str] | None = getattr(value, "val", None)
    return typed


def _is_starting() -> bool:
    """Whether a program of mitmproxy's starts with scripts; who brings us up otherwise can deal with an exception."""
    master = getattr(ctx, "master", None)
    scripts = master.addons.get("scriptloader") if master else None
    return scripts is not None and bool(scripts.addons) and not scripts.is_running


def _told(error: Exception) -> str:
    said = " ".join(str(error).split())
    if isinstance(error, exceptions.OptionsError | ValueError | OSError):
        return said
    place = traceback.extract_tb(error.__traceback__, limit=-1)[0]
    return f"{type(error).__name__} at {place.filename}:{place.lineno}: {said}"
