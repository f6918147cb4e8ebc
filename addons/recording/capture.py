"""Records exchanges as cases: those that a command names, or with the option `capture_all` the latest of all.

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
from itertools import chain
from pathlib import Path

from mitmproxy import command, ctx, exceptions, flow, http
from mitmproxy.addonmanager import Loader
from mitmproxy.log import ALERT

from addons.credentials import header_secrets
from addons.exchange.exchange import Exchange
from addons.recording import recorder
from addons.recording.archive_worker import ArchiveTask, ArchiveWorker
from addons.recording.recorder import FlowSnapshot, NoCase, RecordedExchange
from addons.recording.save_process import SaveRequest, save_in_process
from addons.redaction.detectors import SHORTEST_SECRET, PrivateValues, secrets_in_environment
from addons.runtime import startup
from addons.runtime.printable import printable

logger = logging.getLogger(__name__)

_LARGEST_BACKLOG = 128
"""Exchanges that may wait to be redacted and written; each holds its bodies in memory."""

_PRIVATE_VALUES_TTL_SECONDS = 1


class Capture:
    def __init__(self, keys: Callable[[], Iterable[str]] = tuple) -> None:
        """`keys` gives all credentials that the proxy may use at the moment."""
        self._keys = keys
        self._archive_worker: ArchiveWorker | None = None
        self._cached_private = -math.inf, PrivateValues()
        """Since when it is known, and the values."""
        self.saving: set[asyncio.Task[list[str]]] = set()
        """Commands that are not done; each results in lines that say what was written."""

    @startup.one_line()
    def load(self, loader: Loader) -> None:
        loader.add_option("capture_dir", str, "", "Folder to which capture.save writes cases. Default: ./flows")
        loader.add_option("capture_all", str, "", "Folder to which every exchange is recorded, redacted.")
        loader.add_option("capture_all_mb", int, 500, "Most that capture_all keeps, in MiB; the oldest are removed.")
        loader.add_option("capture_all_count", int, 5000, "Most exchanges that capture_all keeps.")
        loader.add_option(
            "redact", Sequence[str], [], "More values to redact in recorded exchanges, or @file with one in each line."
        )

    @startup.one_line()
    def configure(self, updated: set[str]) -> None:
        if "redact" in updated:
            self._redact_option()
            self._cached_private = -math.inf, PrivateValues()
        for most in updated & {"capture_all_mb", "capture_all_count"}:
            if getattr(ctx.options, most) < 1:
                raise exceptions.OptionsError(f"{most}: must be at least 1")
        if updated & {"capture_all", "capture_all_mb", "capture_all_count", "capture_dir"}:
            self._start_archive_worker()

    def _start_archive_worker(self) -> None:
        self.done()
        if not ctx.options.capture_all:
            return
        folder = Path(ctx.options.capture_all).expanduser().absolute()
        if folder.is_relative_to(self._folder()):
            raise exceptions.OptionsError("capture_all: must not lie in capture_dir, whose cases are kept for ever")
        try:
            most = ctx.options.capture_all_count
            most_bytes = ctx.options.capture_all_mb << 20
            self._archive_worker = ArchiveWorker(folder, most_bytes=most_bytes, most=most, failed=_log_failure)
        except OSError as error:
            raise exceptions.OptionsError(f"capture_all: {error}") from error

    def done(self) -> None:
        """Waits until finished exchanges are written."""
        if self._archive_worker is not None:
            self._archive_worker.close()
        self._archive_worker = None

    # --- every exchange ---

    def exchange_end(self, exchange: Exchange) -> None:
        read = exchange.read_attempt
        if self._archive_worker is None or read is None or exchange.outcome in ("killed", "client_left"):
            return
        if self._archive_worker.outstanding >= _LARGEST_BACKLOG:
            logger.warning("capture_all: an exchange was left out, too many wait to be redacted")
            return
        client, attempt = exchange.flow, read.flow
        exchanged = RecordedExchange(FlowSnapshot.of(client).without_response_body(), FlowSnapshot.of(attempt))
        private = _with_client_credentials(self._recent_private(), [client, attempt])
        self._archive_worker.put(ArchiveTask(exchanged, _archive_name(client), private))

    # --- by command ---

    @command.command("capture.save")
    def save(self, flows: Sequence[flow.Flow], name: str, pins: str = "") -> Sequence[str]:
        """Save exchanges as cases PROTOCOL/BEHAVIOUR, redacted; several get numbers. NAME! replaces a case. PINS says
        what would be wrong if it failed."""
        return self._save(flows, name, pins)

    @command.command("capture.wrong")
    def wrong(self, flows: Sequence[flow.Flow], name: str, pins: str) -> Sequence[str]:
        """As capture.save, where the conversion is wrong: the case fails until it is corrected. PINS: what is right."""
        return self._save(flows, name, pins, wrong=True)

    def _save(self, flows: Sequence[flow.Flow], name: str, pins: str, *, wrong: bool = False) -> Sequence[str]:
        found = list(self._exchanges(flows))
        sides = [
            side
            for exchange in found
            if isinstance(exchange, RecordedExchange)
            for side in (exchange.client, exchange.attempt)
        ]
        save_request = SaveRequest(
            found, self._folder(), name, pins, _with_client_credentials(self._private(), sides), wrong
        )
        save_request.check()
        saving = asyncio.get_running_loop().create_task(self._save_and_log(save_request))
        self.saving.add(saving)
        saving.add_done_callback(self.saving.discard)
        return [f"{save_request.plain_name}: being redacted; the event log says where it is written, or why not"]

    async def _save_and_log(self, save_request: SaveRequest) -> list[str]:
        lines = await save_in_process(save_request)
        logger.log(ALERT, "%s", "\n".join(map(printable, lines)))
        return lines

    def _exchanges(self, chosen: Sequence[flow.Flow]) -> Iterator[RecordedExchange | NoCase]:
        view = ctx.master.addons.get("view")
        all_flows = ctx.master.commands.call("view.flows.resolve", "@all") if view is not None else chosen
        return recorder.exchanges(chosen, all_flows)

    def _folder(self) -> Path:
        return Path(ctx.options.capture_dir or "flows").expanduser().absolute()

    def _private(self) -> PrivateValues:
        return private_values(self._keys(), self._redact_option())

    def _recent_private(self) -> PrivateValues:
        """As `_private`, cached: the values rarely change, and reading them takes a while."""
        since, values = self._cached_private
        if time.monotonic() - since > _PRIVATE_VALUES_TTL_SECONDS:
            values = self._private()
            self._cached_private = time.monotonic(), values
        return values

    def _redact_option(self) -> list[str]:
        try:
            return expand_values(ctx.options.redact)
        except (OSError, UnicodeDecodeError) as error:
            raise exceptions.OptionsError(f"redact: {error}") from error


def private_values(keys: Iterable[str] = (), also: Iterable[str] = ()) -> PrivateValues:
    """The private values of this machine and its user."""
    return PrivateValues(
        (*secrets_in_environment(os.environ), *keys), tuple(also), _machine_and_user_names(), (str(Path.home()),)
    )


def _with_client_credentials(private: PrivateValues, sides: Iterable[object]) -> PrivateValues:
    """Adds what the clients of these flows sent as credentials, which an upstream may have repeated."""
    flows = [side for side in sides if isinstance(side, http.HTTPFlow)]
    sent = {value for flow in flows for value in header_secrets.values(flow) if len(value) >= SHORTEST_SECRET}
    return replace(private, secrets=tuple(dict.fromkeys((*private.secrets, *sorted(sent)))))


@cache
def _machine_and_user_names() -> tuple[str, ...]:
    names = [socket.gethostname()]
    with suppress(OSError, KeyError):  # the user has no name
        names.append(getpass.getuser())
    return tuple(names)


def expand_values(values: Iterable[str]) -> list[str]:
    """The values, with the lines of a file in place of `@file`.

    Raises:
        OSError: the file cannot be read.
        UnicodeDecodeError: it is not text.
    """
    lines = (
        Path(value[1:]).expanduser().read_text(encoding="utf-8").splitlines() if value.startswith("@") else [value]
        for value in values
    )
    return [line.strip() for line in chain.from_iterable(lines) if line.strip()]


def _archive_name(client: http.HTTPFlow) -> str:
    """Sorts by age."""
    start = datetime.datetime.fromtimestamp(client.request.timestamp_start, datetime.UTC)
    return f"{start:%Y%m%d-%H%M%S-%f}-{client.id[:8]}"


def _log_failure(problem: str) -> None:
    logger.warning("capture_all: %s", printable(problem))
