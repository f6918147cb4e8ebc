"""The process that redacts and writes every exchange for `capture_all`, beside the proxy, which has no time for it.

Redacting an exchange costs more than converting it; in a thread of the proxy it would hold up all others. What the
proxy has handed over is written even if the proxy is killed.

    proxy -> keeper   a pickled `Task` each
    keeper -> proxy   a line of JSON each: what went wrong, "" if nothing did; the first one tells that it is ready

A keeper that has much left to do outlives its proxy; the next proxy's keeper waits for it.
"""

import json
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from addons.case import Case
from addons.keeping import Shelf, alone, prepare
from addons.redaction import Private, Redactor
from addons.scrubbing import Unsafe, redact
from converters.errors import RequestError

_ROOT = Path(__file__).parents[1]
_PATIENCE = 3.0  # seconds that a proxy waits at its end
_YIELDING = 10  # niceness: exchanges in flight come first


@dataclass(frozen=True)
class Task:
    case: Case
    name: str
    private: Private


class Keeper:
    """The proxy's end. All methods block, but not until a case is written."""

    def __init__(self, folder: Path, *, most_bytes: int, most: int, failed: Callable[[str], None]) -> None:
        """`failed` is told, in a thread of ours, what could not be written and why.

        Raises:
            OSError: the folder is none, or cannot be made.
        """
        self._arguments = (str(folder), str(most_bytes), str(most))
        self._failed = failed
        self._handed = self._done = 0  # one thread counts each
        self._start()

    @property
    def outstanding(self) -> int:
        """Tasks that are not yet written."""
        return self._handed - self._done

    def _start(self) -> None:
        path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "addons.keeper", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for the proxy; the keeper ends when it has written all
        )
        assert self._process.stdout is not None
        first = self._process.stdout.readline()
        self._listener = threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True)
        self._listener.start()
        if problem := json.loads(first or b'"its process does not start"'):
            self.close()
            raise OSError(problem)

    def _listen(self, says: IO[bytes]) -> None:
        for line in says:
            self._done += 1
            if problem := json.loads(line):
                self._failed(problem)

    def put(self, task: Task) -> None:
        """Raises OSError where there is nobody to take it."""
        if self._process.poll() is not None:
            self.close()
            self._handed = self._done = 0
            self._start()
        assert self._process.stdin is not None
        self._handed += 1
        pickle.dump(task, self._process.stdin)
        self._process.stdin.flush()

    def close(self) -> None:
        """Waits a moment until all is written."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
            self._listener.join()
            self._process.stdout.close()


def serve(folder: Path, most_bytes: int, most: int, tasks: IO[bytes], say: IO[bytes]) -> None:
    """The keeper's end, until there are no more tasks."""
    try:
        prepare(folder)
    except OSError as error:
        _say(say, str(error))
        return
    _say(say, "")
    waiting: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
    # Read at once, so that a proxy that ends can hand over the rest; it hands over no more than it may hold itself.
    threading.Thread(target=_read, args=(tasks, waiting), daemon=True).start()
    with alone(folder):
        shelf = Shelf(folder, most_bytes=most_bytes, most=most)
        while (task := waiting.get()) is not None:
            _say(say, _keep(shelf, task))


def _read(tasks: IO[bytes], waiting: "queue.SimpleQueue[Task | None]") -> None:
    while (task := _next(tasks)) is not None:
        waiting.put(task)
    waiting.put(None)


def _next(tasks: IO[bytes]) -> Task | None:
    """None at the end; what a killed proxy wrote only half of does not count."""
    try:
        task: Any = pickle.load(tasks)
    except (EOFError, pickle.UnpicklingError):
        return None
    assert isinstance(task, Task)
    return task


def _keep(shelf: Shelf, task: Task) -> str:
    try:
        shelf.put(redact(task.case, Redactor(task.private)).case, task.name)
    except (Unsafe, RequestError, OSError) as error:
        return f"{task.name}: not written: {error}"
    return ""


def _say(to: IO[bytes], what: str) -> None:
    with suppress(BrokenPipeError):  # the proxy is gone; what it handed over is still written
        to.write(json.dumps(what).encode() + b"\n")
        to.flush()


if __name__ == "__main__":
    os.nice(_YIELDING)
    # As module addons.keeper, which is what pickle knows: here it is __main__.
    from addons import keeper

    keeper.serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.stdin.buffer, sys.stdout.buffer)
