"""Keeps exchanges as cases: by command those that matter, with the option `capture_all` every one for a while.

capture.save @focus chat/tool-call-parallel "Two calls in one answer both reach Codex."
"""

import asyncio
import datetime
import getpass
import logging
import math
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from weakref import WeakValueDictionary

from mitmproxy import command, ctx, exceptions, flow, http
from mitmproxy.addonmanager import Loader
from mitmproxy.log import ALERT

from addons.conversion import EXCHANGE, SIDE, is_attempt
from addons.credentials import header_secrets
from addons.recording import recorder
from addons.recording.archive_worker import Keeper, Task
from addons.recording.recorder import BareSide, Exchanged, NoCase
from addons.recording.save_process import Order, save_elsewhere
from addons.redaction.detectors import SHORTEST_SECRET, Private, secrets_of
from addons.runtime import startup
from addons.runtime.printable import printable

logger = logging.getLogger(__name__)

_MOST_WAITING = 128
"""Exchanges that may wait to be redacted and written: each holds its bodies in memory."""


class Capture:
    def __init__(self, keys: Callable[[], Iterable[str]] = tuple) -> None:
        """`keys` gives all credentials that the proxy may use at the moment."""
        self._keys = keys
        self._attempts: WeakValueDictionary[str, http.HTTPFlow] = WeakValueDictionary()
        self._keeper: Keeper | None = None
        self._known = -math.inf, Private()
        self.saving: set[asyncio.Task[list[str]]] = set()
        """What commands have begun; each results in what became of it."""

    @startup.one_line()
    def load(self, loader: Loader) -> None:
        loader.add_option("capture_dir", str, "", "Where capture.save writes cases. Default: ./flows")
        loader.add_option("capture_all", str, "", "Folder that keeps every exchange, redacted, for later.")
        loader.add_option("capture_all_mb", int, 500, "Most that capture_all keeps, in MiB; the oldest go first.")
        loader.add_option("capture_all_count", int, 5000, "Most exchanges that capture_all keeps.")
        loader.add_option("redact", Sequence[str], [], "What else is secret in recorded exchanges: values, or @file.")

    @startup.one_line()
    def configure(self, updated: set[str]) -> None:
        if "redact" in updated:
            self._listed()
            self._known = -math.inf, Private()
        if updated & {"capture_all", "capture_all_mb", "capture_all_count", "capture_dir"}:
            self._open_keeper()

    def _open_keeper(self) -> None:
        self.done()
        if not ctx.options.capture_all:
            return
        folder = Path(ctx.options.capture_all).expanduser().absolute()
        if folder.is_relative_to(self._folder()):
            raise exceptions.OptionsError("capture_all: must not lie in capture_dir, which is for good")
        try:
            most = ctx.options.capture_all_count
            most_bytes = ctx.options.capture_all_mb << 20
            self._keeper = Keeper(folder, most_bytes=most_bytes, most=most, failed=_complain)
        except OSError as error:
            raise exceptions.OptionsError(f"capture_all: {error}") from error

    def done(self) -> None:
        """What was finished is written, too."""
        if self._keeper is not None:
            self._keeper.close()
        self._keeper = None

    # --- every exchange ---

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if self._keeper is not None and is_attempt(flow):
            self._attempts[str(flow.metadata.get(EXCHANGE))] = flow  # a later attempt takes an earlier one's place

    def response(self, flow: http.HTTPFlow) -> None:
        if self._keeper is None or flow.metadata.get(SIDE) != "client":
            return
        attempt = self._attempts.pop(flow.id, None)
        if attempt is None:
            return
        if self._keeper.outstanding >= _MOST_WAITING:
            logger.warning("capture_all: an exchange was left out, too many wait to be redacted")
            return
        known = _knowing(self._recent(), [flow, attempt])
        self._keeper.put(Task(_for_another_process(flow, attempt), _name(flow), known))

    # --- by command ---

    @command.command("capture.save")
    def save(self, flows: Sequence[flow.Flow], name: str, pins: str = "") -> Sequence[str]:
        """Keep exchanges as cases PROTOCOL/BEHAVIOUR, redacted; several get numbers. NAME! replaces a case. PINS says
        what would be wrong if it failed."""
        return self._save(flows, name, pins)

    @command.command("capture.wrong")
    def wrong(self, flows: Sequence[flow.Flow], name: str, pins: str) -> Sequence[str]:
        """As capture.save, where the conversion is wrong: the case fails until mended. PINS says what is right."""
        return self._save(flows, name, pins, wrong=True)

    def _save(self, flows: Sequence[flow.Flow], name: str, pins: str, *, wrong: bool = False) -> Sequence[str]:
        found = list(self._exchanges(flows))
        sides = [side for one in found if isinstance(one, Exchanged) for side in (one.client, one.attempt)]
        order = Order(found, self._folder(), name, pins, _knowing(self._private(), sides), wrong)
        order.check()
        saving = asyncio.get_running_loop().create_task(self._told(order))
        self.saving.add(saving)
        saving.add_done_callback(self.saving.discard)
        return [f"{order.plain_name}: being redacted; the event log says where it is written, or why not"]

    async def _told(self, order: Order) -> list[str]:
        lines = await save_elsewhere(order)
        logger.log(ALERT, "%s", "\n".join(map(printable, lines)))
        return lines

    def _exchanges(self, chosen: Sequence[flow.Flow]) -> Iterator[Exchanged | NoCase]:
        view = ctx.master.addons.get("view")
        known = ctx.master.commands.call("view.flows.resolve", "@all") if view is not None else chosen
        return recorder.exchanges(chosen, known)

    def _folder(self) -> Path:
        return Path(ctx.options.capture_dir or "flows").expanduser().absolute()

    def _private(self) -> Private:
        return private(self._keys(), self._listed())

    def _recent(self) -> Private:
        """What is private, at most a second old: it rarely changes, and finding it takes a while."""
        made, known = self._known
        if time.monotonic() - made > 1:
            known = self._private()
            self._known = time.monotonic(), known
        return known

    def _listed(self) -> list[str]:
        try:
            return listed(ctx.options.redact)
        except (OSError, UnicodeDecodeError) as error:
            raise exceptions.OptionsError(f"redact: {error}") from error


def private(keys: Iterable[str] = (), also: Iterable[str] = ()) -> Private:
    """What is private on this machine."""
    return Private((*secrets_of(os.environ), *keys), tuple(also), _names(), (str(Path.home()),))


def _knowing(known: Private, sides: Iterable[object]) -> Private:
    """And what the clients of these flows sent as their credentials, which an upstream may have repeated."""
    flows = [one for one in sides if isinstance(one, http.HTTPFlow)]
    sent = {value for one in flows for value in header_secrets.values(one) if len(value) >= SHORTEST_SECRET}
    return replace(known, secrets=tuple(dict.fromkeys((*known.secrets, *sorted(sent)))))


@cache
def _names() -> tuple[str, ...]:
    names = [socket.gethostname()]
    with suppress(OSError, KeyError):  # a user without a name
        names.append(getpass.getuser())
    return tuple(names)


def listed(values: Iterable[str]) -> list[str]:
    """Values as they are, and for `@file` its lines.

    Raises:
        OSError: the file cannot be read.
        UnicodeDecodeError: it is no text.
    """
    lines = (
        Path(one[1:]).expanduser().read_text(encoding="utf-8").splitlines() if one.startswith("@") else [one]
        for one in values
    )
    return [line.strip() for some in lines for line in some if line.strip()]


def _for_another_process(client: http.HTTPFlow, attempt: http.HTTPFlow) -> Exchanged:
    return Exchanged(BareSide.of(client).without_answer(), BareSide.of(attempt))


def _name(client: http.HTTPFlow) -> str:
    """In the order of age."""
    began = datetime.datetime.fromtimestamp(client.request.timestamp_start, datetime.UTC)
    return f"{began:%Y%m%d-%H%M%S-%f}-{client.id[:8]}"


def _complain(problem: str) -> None:
    logger.warning("capture_all: %s", printable(problem))
