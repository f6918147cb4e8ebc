"""The process that redacts and writes every exchange for `capture_all`, beside the proxy, which has no time for it.

Redacting an exchange costs more than converting it; in a thread of the proxy it would hold up all others. What the
proxy has handed over is written even if the proxy is killed; it is written when the proxy has a moment of rest.

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
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

if sys.platform == "linux":
    import fcntl

from addons.recording.archive import Shelf, alone, prepare
from addons.recording.recorder import Exchanged, NoCase, case_of
from addons.redaction.detectors import Private, Redactor
from addons.redaction.redact_case import Unsafe, redact
from converters.errors import RequestError

_ROOT = Path(__file__).parents[2]
_PIPE = 1 << 20  # bytes: most exchanges fit, and are handed over without waiting for the reader
_BREATH = 0.2  # seconds for others to come: each time that a thread is woken costs the proxy something
_LULL = 0.3  # seconds without a new exchange
_MANY = 64  # exchanges that wait for one
_PATIENCE = 3.0  # seconds that a proxy waits at its end
_YIELDING = 19  # niceness: exchanges in flight come first


@dataclass(frozen=True)
class Task:
    """An exchange of two `BareSide`s, to be kept under the name."""

    exchanged: Exchanged
    name: str
    private: Private


class Keeper:
    """The proxy's end."""

    def __init__(self, folder: Path, *, most_bytes: int, most: int, failed: Callable[[str], None]) -> None:
        """`failed` is told, in threads of ours, what could not be written and why.

        Raises:
            OSError: the folder is none, or cannot be made.
        """
        self._arguments = (str(folder), str(most_bytes), str(most))
        self._failed = failed
        self._handed = self._done = 0  # one thread counts each
        self._start()
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()

    @property
    def outstanding(self) -> int:
        """Tasks that are not yet written."""
        return self._tasks.qsize() + self._handed - self._done

    def put(self, task: Task) -> None:
        """Does not block."""
        self._tasks.put(task)

    def close(self) -> None:
        """Waits a moment until all is written."""
        self._tasks.put(None)
        self._writer.join()
        self._stop()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "addons.recording.archive_worker", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
            start_new_session=True,  # Ctrl-C is for the proxy; the keeper ends when it has written all
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        _widen(self._process.stdin)
        first = self._process.stdout.readline()
        self._listener = threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True)
        self._listener.start()
        if problem := json.loads(first or b'"its process does not start"'):
            self._stop()
            raise OSError(problem)

    def _listen(self, says: IO[bytes]) -> None:
        for line in says:
            self._done += 1
            if problem := json.loads(line):
                self._failed(problem)

    def _write(self) -> None:
        while (task := self._tasks.get()) is not None:
            if self._tasks.empty():
                time.sleep(_BREATH)
            try:
                self._hand_over(task)
            except OSError as error:
                self._failed(f"{task.name}: not written: {error}")

    def _hand_over(self, task: Task) -> None:
        if self._process.poll() is not None:
            self._stop()
            self._handed = self._done = 0
            self._start()
        assert self._process.stdin is not None
        self._handed += 1
        self._process.stdin.write(pickle.dumps(task))  # in one call: each one is a chance to wait for other threads
        self._process.stdin.flush()

    def _stop(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
            self._listener.join()
            self._process.stdout.close()


def environment() -> dict[str, str]:
    """In which a process finds this house."""
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    return os.environ | {"PYTHONPATH": path}


def _widen(pipe: IO[bytes]) -> None:
    if sys.platform == "linux":
        with suppress(OSError):  # more than this user may have
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)


def serve(folder: Path, most_bytes: int, most: int, tasks: IO[bytes], say: IO[bytes]) -> None:
    """The keeper's end, until there are no more tasks."""
    try:
        prepare(folder)
    except OSError as error:
        _say(say, str(error))
        return
    _say(say, "")
    inbox = _Inbox(tasks)
    with alone(folder):
        shelf = Shelf(folder, most_bytes=most_bytes, most=most)
        while (task := inbox.next()) is not None:
            _say(say, _keep(shelf, task))


class _Inbox:
    """What was handed over and is not yet written.

    It is read at once, so that a proxy that ends can hand over the rest; it hands over no more than it may hold.
    """

    def __init__(self, tasks: IO[bytes]) -> None:
        self._tasks = tasks
        self._waiting: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._heard = 0.0
        self._ended = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while (task := _next(self._tasks)) is not None:
            self._heard = time.monotonic()
            self._waiting.put(task)
        self._ended.set()
        self._waiting.put(None)

    def next(self) -> Task | None:
        """None at the end. Waits for a lull, as a proxy that has much to do has little use for us."""
        task = self._waiting.get()
        while self._waiting.qsize() < _MANY and (left := self._heard + _LULL - time.monotonic()) > 0:
            if self._ended.wait(left):
                break
        return task


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
        shelf.put(redact(case_of(task.exchanged), Redactor(task.private)).case, task.name)
    except NoCase:
        return ""
    except (Unsafe, RequestError, OSError) as error:
        return f"{task.name}: not written: {error}"
    return ""


def _say(to: IO[bytes], what: str) -> None:
    with suppress(BrokenPipeError):  # the proxy is gone; what it handed over is still written
        to.write(json.dumps(what).encode() + b"\n")
        to.flush()


if __name__ == "__main__":
    os.nice(_YIELDING)
    # As module addons.recording.archive_worker, which is what pickle knows: here it is __main__.
    from addons.recording import archive_worker

    archive_worker.serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.stdin.buffer, sys.stdout.buffer)
