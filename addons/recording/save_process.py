"""Writes exchanges as cases, redacted, in a process of its own: redacting takes about a second a megabyte.

proxy -> process   a pickled `Order`
process -> proxy   a line of JSON for each case: what became of it
"""

import asyncio
import json
import os
import pickle
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mitmproxy import exceptions

from addons.recording import archive_worker, recorder
from addons.recording.recorder import BareSide, Exchanged, NoCase
from addons.redaction.detectors import Private, Redactor
from addons.redaction.redact_case import Redacted, Unsafe, redact
from converters.errors import RequestError
from converters.protocols import PROTOCOLS

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*")
_EXAMPLE = "chat/tool-call-parallel"
_MEND = "it fails until the converter is mended and scripts/update accepts what it says then"


@dataclass(frozen=True)
class Order:
    """`wrong`: the exchanges were converted wrongly, their cases fail until that is mended."""

    found: Sequence[Exchanged | NoCase]
    folder: Path
    name: str
    """PROTOCOL/BEHAVIOUR, with ! to replace a case."""
    pins: str
    private: Private
    wrong: bool = False

    @property
    def plain_name(self) -> str:
        return self.name.removesuffix("!")

    @property
    def protocol(self) -> str:
        return self.name.partition("/")[0]

    def check(self) -> None:
        """Raises CommandError: there is nothing to write, the name is no name, or nothing is pinned."""
        name = self.plain_name
        if not _NAME.fullmatch(name):
            raise exceptions.CommandError(f"{name}: a name is like {_EXAMPLE}: a-z, 0-9 and - in two parts")
        if self.protocol not in PROTOCOLS:
            which = f"a name begins with a protocol ({', '.join(PROTOCOLS)}), as {_EXAMPLE}"
            raise exceptions.CommandError(f"{name}: {which}")
        if not self.pins.strip():
            raise exceptions.CommandError(f'say in a sentence what would be wrong if the case failed: {_EXAMPLE} "..."')
        if not self.found:
            raise exceptions.CommandError("there is no exchange among these flows")


def save(order: Order) -> Iterator[str]:
    """Writes a case for each, and says for each what became of it.

    Raises:
        exceptions.CommandError: see `Order.check`.
    """
    order.check()
    for number, one in enumerate(order.found, 1):
        numbered = order.plain_name if len(order.found) == 1 else f"{order.plain_name}-{number}"
        try:
            redacted = _redacted(one, order)
            redacted.case.save(order.folder / numbered, replacing=order.name.endswith("!"))
        except FileExistsError:
            yield f"{numbered}: not written: there is such a case; {order.plain_name}! replaces it"
        except (NoCase, Unsafe, RequestError, OSError) as error:
            yield f"{numbered}: not written: {error}"
        else:
            next_step = [_MEND] if order.wrong else []
            where = _shown(order.folder / numbered)
            yield "; ".join([f"{numbered}: written to {where}", *redacted.remarks, *next_step])


def _shown(path: Path) -> Path:
    """As one would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _redacted(one: Exchanged | NoCase, order: Order) -> Redacted:
    if isinstance(one, NoCase):
        raise one
    case = recorder.case_of(one, order.pins.strip())
    if case.notes.route.protocol != order.protocol:
        raise NoCase(f"its provider speaks {case.notes.route.protocol}: a name of it begins so")
    return redact(replace(case, notes=case.notes.model_copy(update={"wrong": order.wrong})), Redactor(order.private))


async def save_elsewhere(order: Order) -> list[str]:
    """What `save` says, of a process that goes on if this one ends."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "addons.recording.save_process"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=archive_worker.environment(),
        start_new_session=True,  # Ctrl-C is for the proxy
    )
    said, _ = await process.communicate(pickle.dumps(replace(order, found=[_bare(one) for one in order.found])))
    lines: list[str] = [json.loads(line) for line in said.splitlines()]
    if process.returncode:
        lines.append(f"{order.plain_name}: not written: the process that writes it failed, its error stands above")
    return lines


def _bare(one: Exchanged | NoCase) -> Exchanged | NoCase:
    return one if isinstance(one, NoCase) else Exchanged(BareSide.of(one.client), BareSide.of(one.attempt))


def main() -> None:
    """The process."""
    order: Order = pickle.load(sys.stdin.buffer)
    for line in save(order):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    os.nice(10)  # streams come first
    # As module addons.recording.save_process, which is what pickle knows: here it is __main__.
    from addons.recording import save_process

    save_process.main()
