"""An error while mitmproxy starts with our scripts ends the program with one line, before any request is served.

mitmproxy itself would log the error at most and run without our addons: every request would then go to the reverse
target, with its credentials.
"""

import difflib
import re
import socket
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from mitmproxy import ctx, exceptions, http
from mitmproxy.addonmanager import Loader
from mitmproxy.optmanager import OptManager

from addons.runtime.printable import printable

_OF_ANOTHER_PROGRAM = re.compile(r"(console|dumper|intercept|termlog|view|web)(_\w+)?|flow_detail|keepserving")
"""Options that mitmproxy's three programs do not share; the same command line may start any of them."""


@contextmanager
def one_line() -> Iterator[None]:
    """Ends the program with one line where a start fails; as decorator or in `with`. Later, exceptions pass through."""
    try:
        yield
    except Exception as error:  # the boundary to mitmproxy, which would run without us
        if not _is_starting():
            raise
        sys.exit(f"transcodex: {_text_of(error)}")


class Options:
    """Sets the options that mitmproxy deferred until a script would add them; to be loaded last, when all are added.

    Requests get 503 until it is certain that no option was mistyped.
    """

    _are_checked = False

    @one_line()
    def load(self, loader: Loader) -> None:
        take(ctx.options)
        if _is_starting() and "web_port" in ctx.options:
            check_free(ctx.options.web_host, ctx.options.web_port)
        scripts = getattr(ctx.master.addons.get("scriptloader"), "addons", [])
        not_loaded = sum(script.ns is None for script in scripts)  # this script among them
        others_may_know = _is_starting() and not_loaded > 1
        if not others_may_know:
            self._check()

    def running(self) -> None:
        if not self._are_checked:
            self._check()

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if flow.response is None and not self._are_checked:
            flow.request.stream = False
            flow.response = http.Response.make(503, b"this proxy is not ready", {"retry-after": "1"})

    def _check(self) -> None:
        if lines := unknown(ctx.options):
            sys.exit(f"transcodex: {'; '.join(lines)}")
        self._are_checked = True


def take(options: OptManager) -> None:
    """Sets the deferred options that are known by now.

    Raises:
        OptionsError: a value does not fit its option.
    """
    for name, value in list(options.deferred.items()):
        if name in options:
            del options.deferred[name]
            _set(options, name, value)


def check_free(host: str, port: int) -> None:
    """mitmweb opens its page only after scripts were loaded, and prints a traceback where it cannot.

    Raises:
        OptionsError: nothing can listen there.
    """
    try:
        family, *_, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
        socket.create_server(address[:2], family=family).close()
    except OSError as error:
        raise exceptions.OptionsError(f"web_port: mitmweb cannot listen on {host}:{port}: {error.strerror}") from error


def unknown(options: OptManager) -> list[str]:
    """A line for each option that was set and that nobody knows.

    mitmproxy's options file may set those of scripts that are not loaded now: from there, only names that are close to
    a known one are reported.
    """
    lines = []
    for name, value in options.deferred.items():
        if _OF_ANOTHER_PROGRAM.fullmatch(name):
            continue
        close = difflib.get_close_matches(name, options.keys(), n=1)
        if close or _command_line_values(value) is not None:
            hint = f" (did you mean {close[0]}?)" if close else ""
            lines.append(f"unknown option {name[:80]!a}{hint}")
    return lines


def _set(options: OptManager, name: str, value: object) -> None:
    values = _command_line_values(value)
    if values is not None and len(values) > 1 and not isinstance(getattr(options, name), list | tuple):
        raise exceptions.OptionsError(f"{name}: given {len(values)} times, but takes one value")
    try:
        if values is None:
            options.update(**{name: value})
        else:
            options.set(*([f"{name}={text}" for text in values] or [name]))
    except TypeError:
        raise exceptions.OptionsError(f"{name}: has the wrong type for this option") from None
    except exceptions.OptionsError as error:
        if name in str(error):
            raise
        raise exceptions.OptionsError(f"{name}: {error}") from error  # before 12.2.2 mitmproxy did not say which


def _command_line_values(deferred: object) -> list[str] | None:
    """The texts of each `--set name=text`; None if the value was read from mitmproxy's options file."""
    values: list[str] | None = getattr(deferred, "val", None)
    return values


def _is_starting() -> bool:
    """Whether one of mitmproxy's programs is starting with scripts; any other caller can handle an exception itself."""
    master = getattr(ctx, "master", None)
    scripts = master.addons.get("scriptloader") if master else None
    return scripts is not None and bool(scripts.addons) and not scripts.is_running


def _text_of(error: Exception) -> str:
    message = printable(" ".join(str(error).split()), 2000)
    if isinstance(error, exceptions.OptionsError | ValueError | OSError):
        return message
    place = traceback.extract_tb(error.__traceback__, limit=-1)[0]
    return f"{type(error).__name__} at {place.filename}:{place.lineno}: {message}"
