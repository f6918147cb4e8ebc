"""A process that redacts every exchange and writes it into the archive, for `capture_all`.

Redacting an exchange costs more than converting it; a thread of the proxy would hold up all other exchanges. Tasks that
the process has received are done even if the proxy is killed, and only while the proxy is idle.

    proxy -> worker   a pickled `ArchiveTask` each
    worker -> proxy   a line of JSON each: the error, "" if there was none; the first line says that it is ready

A worker with many tasks left outlives its proxy; the next proxy's worker waits for it.
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

from addons.recording.archive import Archive, locked, prepare_folder
from addons.recording.recorder import NoCase, RecordedExchange, case_of
from addons.redaction.detectors import PrivateValues, Redactor
from addons.redaction.redact_case import Unsafe, redact
from converters.errors import RequestError

_ROOT = Path(__file__).parents[2]
_PIPE_BYTES = 1 << 20  # most exchanges fit, and are sent without waiting for the reader
_BATCH_SECONDS = 0.2  # in which more tasks may come: each time that a thread is woken costs the proxy something
_IDLE_SECONDS = 0.3  # without a new task, after which the proxy is idle
_LARGEST_BACKLOG = 64  # tasks, at which the worker no longer waits for the proxy to be idle
_EXIT_WAIT_SECONDS = 3.0  # that a proxy at its end waits for the worker
_NICENESS = 19  # exchanges in flight come first


@dataclass(frozen=True)
class ArchiveTask:
    """An exchange of two `FlowSnapshot`s, to be archived under a name."""

    exchanged: RecordedExchange
    name: str
    private: PrivateValues


class ArchiveWorker:
    """The worker process as the proxy sees it."""

    def __init__(self, folder: Path, *, most_bytes: int, most: int, failed: Callable[[str], None]) -> None:
        """`failed` is called in other threads with what could not be written and why.

        Raises:
            OSError: the folder is not a folder, or cannot be made.
        """
        self._arguments = (str(folder), str(most_bytes), str(most))
        self._failed = failed
        self._sent = self._done = 0  # tasks; each is counted by one thread
        self._start()
        self._tasks: queue.SimpleQueue[ArchiveTask | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()

    @property
    def outstanding(self) -> int:
        """Tasks that are not yet done."""
        return self._tasks.qsize() + self._sent - self._done

    def put(self, task: ArchiveTask) -> None:
        """Does not block."""
        self._tasks.put(task)

    def close(self) -> None:
        """Waits for tasks to be done, for a few seconds at most."""
        self._tasks.put(None)
        self._writer.join()
        self._stop()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "addons.recording.archive_worker", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=process_environment(),
            start_new_session=True,  # Ctrl-C is for the proxy; the worker ends when all its tasks are done
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        _enlarge(self._process.stdin)
        first = self._process.stdout.readline()
        self._listener = threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True)
        self._listener.start()
        if problem := json.loads(first or b'"its process does not start"'):
            self._stop()
            raise OSError(problem)

    def _listen(self, results: IO[bytes]) -> None:
        for line in results:
            self._done += 1
            if problem := json.loads(line):
                self._failed(problem)

    def _write(self) -> None:
        while (task := self._tasks.get()) is not None:
            if self._tasks.empty():
                time.sleep(_BATCH_SECONDS)
            try:
                self._send(task)
            except OSError as error:
                self._failed(f"{task.name}: not written: {error}")

    def _send(self, task: ArchiveTask) -> None:
        if self._process.poll() is not None:
            self._stop()
            self._sent = self._done = 0
            self._start()
        assert self._process.stdin is not None
        self._sent += 1
        self._process.stdin.write(pickle.dumps(task))  # one call: at each, this thread may wait for others
        self._process.stdin.flush()

    def _stop(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_WAIT_SECONDS)
            self._listener.join()
            self._process.stdout.close()


def process_environment() -> dict[str, str]:
    """Environment variables with which a process finds our packages."""
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    return os.environ | {"PYTHONPATH": path}


def _enlarge(pipe: IO[bytes]) -> None:
    if sys.platform == "linux":
        with suppress(OSError):  # above the user's limit
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def serve(folder: Path, most_bytes: int, most: int, tasks: IO[bytes], results: IO[bytes]) -> None:
    """Does all tasks; this runs in the worker process."""
    try:
        prepare_folder(folder)
    except OSError as error:
        _report(results, str(error))
        return
    _report(results, "")
    backlog = _Backlog(tasks)
    with locked(folder):
        archive = Archive(folder, most_bytes=most_bytes, most=most)
        while (task := backlog.next()) is not None:
            _report(results, _archive(archive, task))


class _Backlog:
    """Tasks that were received and are not yet done.

    They are read at once, so that a proxy that ends can send the rest; `capture` limits how many there are.
    """

    def __init__(self, tasks: IO[bytes]) -> None:
        self._tasks = tasks
        self._waiting: queue.SimpleQueue[ArchiveTask | None] = queue.SimpleQueue()
        self._last_received = 0.0
        self._ended = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while (task := _next(self._tasks)) is not None:
            self._last_received = time.monotonic()
            self._waiting.put(task)
        self._ended.set()
        self._waiting.put(None)

    def next(self) -> ArchiveTask | None:
        """None at the end. Waits until the proxy is idle, since a busy one needs the processor."""
        task = self._waiting.get()
        while (
            self._waiting.qsize() < _LARGEST_BACKLOG
            and (left := self._last_received + _IDLE_SECONDS - time.monotonic()) > 0
        ):
            if self._ended.wait(left):
                break
        return task


def _next(tasks: IO[bytes]) -> ArchiveTask | None:
    """None at the end, or where a killed proxy wrote only a part of a task."""
    try:
        task: Any = pickle.load(tasks)
    except (EOFError, pickle.UnpicklingError):
        return None
    assert isinstance(task, ArchiveTask)
    return task


def _archive(archive: Archive, task: ArchiveTask) -> str:
    """The error, "" if there was none."""
    try:
        archive.put(redact(case_of(task.exchanged), Redactor(task.private)).case, task.name)
    except NoCase:
        return ""
    except (Unsafe, RequestError, OSError) as error:
        return f"{task.name}: not written: {error}"
    return ""


def _report(results: IO[bytes], problem: str) -> None:
    with suppress(BrokenPipeError):  # the proxy is gone; the other tasks are still done
        results.write(json.dumps(problem).encode() + b"\n")
        results.flush()


if __name__ == "__main__":
    os.nice(_NICENESS)
    # Imported by its name, by which pickle finds `ArchiveTask`: here the module is __main__.
    from addons.recording import archive_worker

    archive_worker.serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.stdin.buffer, sys.stdout.buffer)
