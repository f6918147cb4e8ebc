"""Converts saved exchanges anew and shows where the result is not what was recorded. `scripts/compare` starts it.

The file is read flow by flow, and exchanges go in batches to one process a core; only what waits for its other side or
for its turn is in memory.
"""

import argparse
import os
import sys
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from exchange_diff import Comparison, compare
from mitmproxy import exceptions, flowfilter, http
from mitmproxy.io import FlowReader
from tqdm import tqdm

from addons.exchange.flow_metadata import EXCHANGE, is_attempt
from addons.recording.recorder import RecordedExchange, read_exchange

_BATCH_BYTES, _BATCH_FLOWS = 1 << 20, 32
_WAITING_BYTES, _WAITING = 64 << 20, 1000
"""The most that waits for its other side. mitmproxy saves both sides together, but in which order depends on how."""

SKIPPED_PLAIN = "not converted, or one side is missing"

type States = tuple[dict[str, Any], dict[str, Any]]


@dataclass
class Waiting:
    """What was read of one exchange."""

    client: http.HTTPFlow | None = None
    attempts: list[http.HTTPFlow] = field(default_factory=list)

    @property
    def flows(self) -> list[http.HTTPFlow]:
        return [*self.attempts, *filter(None, [self.client])]

    @property
    def size(self) -> int:
        return sum(map(_size, self.flows))


class Pairing:
    """Flows in, exchanges out."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, Waiting] = OrderedDict()
        self._bytes = 0

    def feed(self, flow: http.HTTPFlow) -> Iterator[Waiting]:
        exchange = str(flow.metadata.get(EXCHANGE, flow.id))
        waiting = self._waiting.setdefault(exchange, Waiting())
        self._bytes -= waiting.size
        if is_attempt(flow):
            waiting.attempts.append(flow)
        else:
            waiting.client = flow
        self._bytes += waiting.size
        # Written as they end, attempts come before their client; saved from the list, in the order of their beginning.
        if (waiting.client is flow and waiting.attempts) or EXCHANGE not in flow.metadata:
            yield self._release(exchange)
        while len(self._waiting) > _WAITING or (self._bytes > _WAITING_BYTES and len(self._waiting) > 1):
            yield self._release(next(iter(self._waiting)))

    def close(self) -> Iterator[Waiting]:
        while self._waiting:
            yield self._release(next(iter(self._waiting)))

    def _release(self, exchange: str) -> Waiting:
        released = self._waiting.pop(exchange)
        self._bytes -= released.size
        return released


@dataclass
class Tally:
    same: int = 0
    differing: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    unreadable: str = ""
    """From where on the file could not be read; what stands before counts."""

    def __str__(self) -> str:
        skipped = [f"{count} {why}" for why, count in self.skipped.most_common()]
        total = self.same + self.differing
        text = f"{total} exchanges: {self.same} the same, {self.differing} different"
        return f"{text}; skipped: {'; '.join(skipped)}" if skipped else text


def main() -> int:
    chosen = _arguments()
    tally = Tally()
    try:
        with chosen.file.open("rb") as file, ProcessPoolExecutor(chosen.jobs) as pool:
            for comparison in _comparisons(pool, chosen.jobs, _batches(_exchanges(file, chosen.filter, tally))):
                _show(comparison, tally, chosen)
    except OSError as error:
        tally.unreadable = str(error)
    print(tally)
    if tally.unreadable:
        print(f"{chosen.file}: {tally.unreadable}", file=sys.stderr)
        return 2
    return 1 if tally.differing else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/compare", description=__doc__)
    parser.add_argument("file", type=Path, help="flows that mitmproxy saved: -w FILE, or File > Save in mitmweb")
    parser.add_argument("filter", nargs="?", type=_filter, help="mitmproxy's filter, for any flow of an exchange")
    parser.add_argument("--lines", type=int, default=40, help="most lines for each exchange (%(default)s)")
    parser.add_argument("--most", type=int, default=20, help="most exchanges that are shown (%(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (one a core)")
    return parser.parse_intermixed_args()


def _filter(text: str) -> flowfilter.TFilter:
    try:
        return flowfilter.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _exchanges(file: BinaryIO, wanted: flowfilter.TFilter | None, tally: Tally) -> Iterator[States]:
    pairing = Pairing()
    for released in _released(pairing, _flows(file, tally)):
        if wanted is not None and not any(wanted(flow) for flow in released.flows):
            continue
        exchange = read_exchange(released.client, released.attempts) if released.client else None
        if isinstance(exchange, RecordedExchange):
            yield exchange.client.get_state(), exchange.attempt.get_state()
        else:
            tally.skipped[SKIPPED_PLAIN] += 1


def _released(pairing: Pairing, flows: Iterable[http.HTTPFlow]) -> Iterator[Waiting]:
    for flow in flows:
        yield from pairing.feed(flow)
    yield from pairing.close()


def _flows(file: BinaryIO, tally: Tally) -> Iterator[http.HTTPFlow]:
    number, start = 0, 0
    size = os.fstat(file.fileno()).st_size
    # disable=None: shown on a terminal alone.
    with tqdm(total=size, unit="B", unit_scale=True, disable=None, leave=False) as progress:
        flows = iter(FlowReader(file).stream())
        while True:
            number += 1
            try:
                flow = next(flows, None)
            except exceptions.FlowReadException as error:
                tally.unreadable = f"flow {number}, at byte {start}, cannot be read: {error}"
                return
            if flow is None:
                return
            progress.update(file.tell() - start)
            start = file.tell()
            if isinstance(flow, http.HTTPFlow):
                yield flow


def _batches(exchanges: Iterable[States]) -> Iterator[list[States]]:
    """A process gets several at once: each hand-over has its price."""
    batch: list[States] = []
    size = 0
    for states in exchanges:
        batch.append(states)
        size += sum(
            len((state[side] or {}).get("content") or b"") for state in states for side in ("request", "response")
        )
        if size >= _BATCH_BYTES or len(batch) >= _BATCH_FLOWS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _comparisons(pool: Executor, jobs: int, batches: Iterable[list[States]]) -> Iterator[Comparison]:
    """In the order of the file. No more is read while all are busy."""
    pending: deque[Future[list[Comparison]]] = deque()
    for batch in batches:
        pending.append(pool.submit(compare_all, batch))
        if len(pending) >= 2 * jobs:
            yield from pending.popleft().result()
    while pending:
        yield from pending.popleft().result()


def compare_all(batch: list[States]) -> list[Comparison]:
    """Runs in a process of its own."""
    sides = ([http.HTTPFlow.from_state(state) for state in states] for states in batch)
    return [compare(RecordedExchange(client, attempt)) for client, attempt in sides]


def _show(comparison: Comparison, tally: Tally, chosen: argparse.Namespace) -> None:
    if comparison.skipped:
        tally.skipped[comparison.skipped] += 1
    elif not comparison.lines:
        tally.same += 1
    else:
        tally.differing += 1
        if tally.differing <= chosen.most:
            tqdm.write("\n".join([comparison.title, *_limited(comparison.lines, chosen.lines), ""]), file=sys.stdout)


def _limited(lines: list[str], most: int) -> list[str]:
    more = len(lines) - most
    return lines if more <= 0 else [*lines[:most], f"... and {more} lines more (--lines {len(lines)} shows them)"]


def _size(flow: http.HTTPFlow) -> int:
    return sum(len(message.raw_content or b"") for message in (flow.request, flow.response) if message is not None)


if __name__ == "__main__":
    sys.exit(main())
