"""A program that ends is started again, until it is stopped; one that does not start is told."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from scripts.fleet_processes import NotStarted, Program

pytestmark = pytest.mark.slow


def writes_a_line(file: Path, then: str) -> list[str]:
    return [sys.executable, "-c", f"import time; open({str(file)!r}, 'a').write('started\\n'); {then}"]


def has_lines(file: Path, number: int) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return file.exists() and file.read_text().count("\n") >= number

    return check


async def test_it_is_started_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "lines"
    program = Program("worker 7", writes_a_line(file, "time.sleep(60)"))
    await program.start(has_lines(file, 1))
    first = program.pid
    program.signal(signal.SIGKILL)
    while not await has_lines(file, 2)():
        await asyncio.sleep(0.05)
    assert program.pid != first
    await program.stop(signal.SIGTERM, 10)
    assert "[fleet] worker 7 has ended (SIGKILL) and is started again in 0.2 seconds" in capsys.readouterr().out
    assert file.read_text().count("\n") == 2


async def test_one_that_fails_is_tried_less_and_less_often(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "lines"
    program = Program("worker 7", writes_a_line(file, "time.sleep(0.5)"))
    await program.start(has_lines(file, 1))
    while not await has_lines(file, 4)():
        await asyncio.sleep(0.05)
    await program.stop(signal.SIGTERM, 10)
    said = capsys.readouterr().out
    assert [pause in said for pause in ("in 0.2 seconds", "in 0.4 seconds", "in 0.8 seconds")] == [True] * 3


async def test_what_it_said_is_shown_where_it_does_not_start(capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-c", "print('x' * 200_000); print('no such option'); raise SystemExit(3)"]
    program = Program("worker 7", command)

    async def never() -> bool:
        return False

    with pytest.raises(NotStarted, match=r"worker 7 has ended \(status 3\)"):
        await program.start(never)
    await program.stop(signal.SIGTERM, 10)
    assert "[worker 7] no such option\n" in capsys.readouterr().out


async def test_what_does_not_listen_is_ended_without_mercy(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    ignoring = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    program = Program("worker 7", writes_a_line(file, ignoring))
    await program.start(has_lines(file, 1))
    await program.stop(signal.SIGTERM, 0.5)
    with pytest.raises(ProcessLookupError):
        os.kill(program.pid, 0)
