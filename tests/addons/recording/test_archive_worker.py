import io
import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from addons.cases.case import Case
from addons.recording.archive_worker import ArchiveTask, ArchiveWorker, serve
from addons.recording.recorder import FlowSnapshot, RecordedExchange
from addons.redaction.detectors import PrivateValues
from tests.addons.example_cases import case, flows_of, request_fields

pytestmark = pytest.mark.slow

NAME = "20261121-093000-000000-abcdefgh"
ATTEMPT, CLIENT = map(FlowSnapshot.of, flows_of(case(request_fields("hunter2hunter2"))))
TASK = ArchiveTask(RecordedExchange(CLIENT, ATTEMPT), NAME, PrivateValues(secrets=("hunter2hunter2",)))


def archive_worker(folder: Path, failed: list[str] | None = None) -> ArchiveWorker:
    return ArchiveWorker(folder, most_bytes=1 << 30, most=100, failed=[].append if failed is None else failed.append)


def task_named(name: str) -> ArchiveTask:
    return replace(TASK, name=name)


def test_a_process_of_its_own_writes_redacted_cases(tmp_path: Path) -> None:
    worker = archive_worker(tmp_path)
    worker.put(TASK)
    worker.close()
    assert worker.outstanding == 0
    assert b'"<key-1>"' in Case.load(tmp_path / "chat" / NAME).client_request


def test_a_case_that_cannot_be_written_is_told_and_the_next_one_is_written(tmp_path: Path) -> None:
    failed: list[str] = []
    worker = archive_worker(tmp_path, failed)
    for name in (NAME, NAME, NAME + "2"):
        worker.put(task_named(name))
    worker.close()
    assert failed == [f"{NAME}: not written: {tmp_path / 'chat' / NAME} exists"]
    assert sorted(path.name for path in (tmp_path / "chat").iterdir()) == [NAME, NAME + "2"]


def test_a_process_that_was_killed_is_started_anew(tmp_path: Path) -> None:
    worker = archive_worker(tmp_path)
    worker._process.kill()
    worker._process.wait()
    worker.put(TASK)
    worker.close()
    assert (tmp_path / "chat" / NAME).is_dir()


def test_a_folder_that_cannot_be_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        archive_worker(tmp_path / "file")


def test_it_ends_with_its_tasks_and_half_of_one_is_none(tmp_path: Path) -> None:
    whole = pickle.dumps(TASK)
    for tail in (b"", whole[: len(whole) // 2]):
        results = io.BytesIO()
        serve(tmp_path / str(len(tail)), 1 << 30, 100, io.BytesIO(whole + tail), results)
        assert list(map(json.loads, results.getvalue().splitlines())) == ["", ""]
        assert (tmp_path / str(len(tail)) / "chat" / NAME).is_dir()


def test_an_exchange_that_is_no_case_is_passed_over(tmp_path: Path) -> None:
    failed: list[str] = []
    worker = archive_worker(tmp_path, failed)
    worker.put(replace(TASK, exchanged=replace(TASK.exchanged, client=replace(CLIENT, response=None))))
    worker.put(task_named(NAME + "2"))
    worker.close()
    assert failed == []
    assert [path.name for path in (tmp_path / "chat").iterdir()] == [NAME + "2"]
