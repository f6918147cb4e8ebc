"""Redacts exchanges and writes them as cases in a process of its own: redacting takes about a second per megabyte.

proxy -> process   a pickled `SaveRequest`
process -> proxy   a line of JSON for each case: where it was written, or why not
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
from addons.recording.recorder import FlowSnapshot, NoCase, RecordedExchange
from addons.redaction.detectors import PrivateValues, Redactor
from addons.redaction.redact_case import Redacted, Unsafe, redact
from converters.errors import RequestError
from converters.protocols import PROTOCOLS

_NICENESS = 10  # exchanges in flight come first
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*")
_EXAMPLE_NAME = "chat/tool-call-parallel"
_NEXT_STEP_IF_WRONG = "it fails until the converter is corrected and scripts/update accepts its new output"


@dataclass(frozen=True)
class SaveRequest:
    """Exchanges to be saved. `wrong`: they were converted wrongly, and their cases fail until that is corrected."""

    found: Sequence[RecordedExchange | NoCase]
    folder: Path
    name: str
    """PROTOCOL/BEHAVIOUR, with ! to replace a case."""
    pins: str
    private: PrivateValues
    wrong: bool = False

    @property
    def plain_name(self) -> str:
        return self.name.removesuffix("!")

    @property
    def protocol(self) -> str:
        return self.name.partition("/")[0]

    def check(self) -> None:
        """Raises CommandError: there is no exchange, the name is malformed, or `pins` is empty."""
        name = self.plain_name
        if not _NAME.fullmatch(name):
            raise exceptions.CommandError(f"{name}: a name is like {_EXAMPLE_NAME}: a-z, 0-9 and - in two parts")
        if self.protocol not in PROTOCOLS:
            expected = f"a name begins with a protocol ({', '.join(PROTOCOLS)}), as {_EXAMPLE_NAME}"
            raise exceptions.CommandError(f"{name}: {expected}")
        if not self.pins.strip():
            raise exceptions.CommandError(
                f'say in a sentence what would be wrong if the case failed: {_EXAMPLE_NAME} "..."'
            )
        if not self.found:
            raise exceptions.CommandError("there is no exchange among these flows")


def save(save_request: SaveRequest) -> Iterator[str]:
    """Writes a case for each exchange, and says where, or why not.

    Raises:
        exceptions.CommandError: see `Order.check`.
    """
    save_request.check()
    for number, exchange in enumerate(save_request.found, 1):
        numbered = save_request.plain_name if len(save_request.found) == 1 else f"{save_request.plain_name}-{number}"
        try:
            redacted = _redacted(exchange, save_request)
            redacted.case.save(save_request.folder / numbered, replacing=save_request.name.endswith("!"))
        except FileExistsError:
            yield f"{numbered}: not written: the case exists; {save_request.plain_name}! replaces it"
        except (NoCase, Unsafe, RequestError, OSError) as error:
            yield f"{numbered}: not written: {error}"
        else:
            next_step = [_NEXT_STEP_IF_WRONG] if save_request.wrong else []
            where = _display_path(save_request.folder / numbered)
            yield "; ".join([f"{numbered}: written to {where}", *redacted.remarks, *next_step])


def _display_path(path: Path) -> Path:
    """Relative to the working folder where it lies in there."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _redacted(exchange: RecordedExchange | NoCase, save_request: SaveRequest) -> Redacted:
    if isinstance(exchange, NoCase):
        raise exchange
    case = recorder.case_of(exchange, save_request.pins.strip())
    if case.metadata.route.protocol != save_request.protocol:
        raise NoCase(f"its provider speaks {case.metadata.route.protocol}, which its name must begin with")
    return redact(
        replace(case, metadata=case.metadata.model_copy(update={"wrong": save_request.wrong})),
        Redactor(save_request.private),
    )


async def save_in_process(save_request: SaveRequest) -> list[str]:
    """As `save`, in a process that goes on if this one ends."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "addons.recording.save_process"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=archive_worker.process_environment(),
        start_new_session=True,  # Ctrl-C is for the proxy
    )
    bare_request = replace(save_request, found=list(map(_bare, save_request.found)))
    output, _ = await process.communicate(pickle.dumps(bare_request))
    lines: list[str] = [json.loads(line) for line in output.splitlines()]
    if process.returncode:
        lines.append(
            f"{save_request.plain_name}: not written: the process that writes it failed, its error stands above"
        )
    return lines


def _bare(exchange: RecordedExchange | NoCase) -> RecordedExchange | NoCase:
    if isinstance(exchange, NoCase):
        return exchange
    return RecordedExchange(FlowSnapshot.of(exchange.client), FlowSnapshot.of(exchange.attempt))


def main() -> None:
    """Runs in the process."""
    save_request: SaveRequest = pickle.load(sys.stdin.buffer)
    for line in save(save_request):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    os.nice(_NICENESS)
    # Imported by its name, by which pickle finds `SaveRequest`: here the module is __main__.
    from addons.recording import save_process

    save_process.main()
