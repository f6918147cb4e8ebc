"""Short soaks of each program, and that a soak sees what it is there for; `scripts/soak` does minutes of it."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from scripts import soak_checks
from scripts.proxy import Proxy
from scripts.soak_load import judged, read_response
from scripts.soak_proxy import Life
from scripts.soak_routes import BUDGETS
from scripts.soak_upstream import Exchange, SeenAttempt, Upstreams

ROOT = Path(__file__).parents[1]
DONE = {"type": "response.completed"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--seconds", "10", "--faults", "0.3"], id="mitmdump"),
        pytest.param(["--seconds", "10", "--faults", "0.3", "--program", "mitmweb"], id="mitmweb"),
        pytest.param(["--seconds", "32", "--kill"], id="killed"),
    ],
)
def test_each_of_many_streams_with_faults_has_one_end(options: list[str]) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "soak.py"), "--streams", "40", *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    soak = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert soak.returncode == 0, soak.stdout + soak.stderr
    assert "| good |  | completed |" in soak.stdout


def seen(*words: str, call_id: str | None = None) -> SeenAttempt:
    return SeenAttempt("plain-chat", "key", 0.0, words=list(words), call_id=call_id)


def response(*events: dict[str, Any]) -> bytes:
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def text(delta: str) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "delta": delta}


def call(call_id: str) -> dict[str, Any]:
    return {"type": "response.output_item.done", "item": {"type": "function_call", "call_id": call_id}}


def problem(data: bytes, kind: str = "good") -> str:
    exchange = Exchange(1, "plain", kind, attempts=[seen("other"), seen("a ", "b", call_id="call_1")])
    return judged(exchange, read_response(data))[1]


def test_a_response_as_it_was_sent_is_good() -> None:
    assert problem(response(text("a "), text("b"), call("call_1"), DONE)) == ""


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([text("a b"), call("call_1")], id="no end"),
        pytest.param([text("a b"), call("call_1"), DONE, DONE], id="two ends"),
        pytest.param([text("a b"), DONE, call("call_1")], id="more after the end"),
        pytest.param([text("othera b"), call("call_1"), DONE], id="text of two attempts"),
        pytest.param([text("a "), call("call_1"), DONE], id="text is missing"),
        pytest.param([text("a b"), call("call_1"), call("call_1"), DONE], id="call released twice"),
        pytest.param([text("a b"), DONE], id="call is missing"),
        pytest.param([text("a b"), {"type": "response.failed"}], id="failed without a reason"),
    ],
)
def test_any_other_response_is_a_problem(events: list[dict[str, Any]]) -> None:
    assert problem(response(*events))


def test_no_call_of_a_response_that_failed_is_good() -> None:
    failed = {"type": "response.failed"}
    assert problem(response(text("a"), failed), "dropped") == ""
    assert problem(response(text("a"), call("call_1"), failed), "dropped")
    assert problem(response(text("a b"), call("call_1"), DONE), "dropped")


def test_half_a_response_and_an_error_in_no_known_form_are_problems() -> None:
    refused = b"HTTP/1.1 503 X\r\ncontent-length: %d\r\n\r\n%b"
    assert problem(response(DONE)[:-5], "503")
    exchange = Exchange(1, "plain", "503", depth=99)
    assert judged(exchange, read_response(refused % (11, b'{"error":1}'))) == ("503", "")
    assert judged(exchange, read_response(refused % (2, b"{}")))[1]
    assert problem(refused % (11, b'{"error":1}'))  # another attempt would have been answered


def test_a_failure_is_expected_where_this_machine_had_no_time_for_its_upstream() -> None:
    late = SeenAttempt("plain-chat", "key", 0.0, words=["a"])
    data = response(text("a"), {"type": "response.failed"})
    exchange = Exchange(1, "plain", attempts=[late])
    assert judged(exchange, read_response(data))[1]
    late.was_late = True
    assert judged(exchange, read_response(data)) == ("failed", "")


def noted(exchange: Exchange, *, attempts: int = 1) -> Upstreams:
    upstreams = Upstreams(rate=5)
    for _ in range(attempts):
        over = seen()
        over.is_over, over.began = True, time.monotonic()
        upstreams.note(exchange, over)
    return upstreams


async def test_an_attempt_that_should_not_be_is_seen() -> None:
    now = time.monotonic()
    assert not noted(Exchange(1, "plain"), attempts=BUDGETS["plain"]).problems
    assert noted(Exchange(1, "plain"), attempts=BUDGETS["plain"] + 1).problems
    assert noted(Exchange(1, "plain", attempts=[seen("content")])).problems
    assert noted(Exchange(1, "plain", ended=now - 60)).problems
    assert noted(Exchange(1, "plain", left=now - 60)).problems


async def test_an_attempt_beside_another_is_seen() -> None:
    upstreams, open_one = Upstreams(rate=5), seen()
    upstreams.note_second(open_one, seen())
    assert upstreams.problems
    upstreams, closed = Upstreams(rate=5), seen()
    closed.reader = asyncio.StreamReader()
    closed.reader.feed_eof()
    upstreams.note_second(closed, seen())
    assert not upstreams.problems


def test_what_grows_is_seen() -> None:
    alive = {"tasks": {"serve": 9}, "exchanges": 0, "health": ["acme: ok, 100% succeed"]}
    life = Life(Proxy(0, 0, Path()), [100.0] * 90, [10] * 90, [12] * 90)
    assert list(soak_checks.resources(life, 12, alive)) == []
    life.memory_mb = [100.0] * 60 + [150.0] * 30
    life.tasks = [12] * 60 + [90] * 30
    life.descriptors = [10] * 89 + [40]
    alive = {"tasks": {"serve": 90}, "exchanges": 1, "health": ["acme: ok, 1 in flight"]}
    assert len(list(soak_checks.resources(life, 12, alive))) == 6


def test_what_a_kill_may_not_cost_is_seen() -> None:
    parked = {"provider": "plain-chat", "key": 3, "state": "parked", "reason": "auth"}
    rows, upstreams = [("health", "plain-chat"), ("lessons", "weighted-chat")], Upstreams(rate=5)
    kill = soak_checks.Kill(10.0, "", [parked], rows, back=11.0, cooling_then=[parked])
    assert list(soak_checks.after_kill(kill, upstreams)) == []
    upstreams.refused_keys, upstreams.refused_usage = [(12.0, True)], [12.0]
    kill.cooling_then, kill.log, kill.rows = [], "a mistake of ours", []
    assert len(list(soak_checks.after_kill(kill, upstreams))) == 6


def counted(*, ended: int = 3, attempts: int = 3, in_health: int = 3, requests: int = 3) -> list[str]:
    """Three exchanges, the last one without an attempt, and one that had two."""
    exchanges = [Exchange(number, "plain", attempts=[seen()] * count) for number, count in enumerate((1, 2, 0))]
    sums = {"transcodex_exchanges_total": ended, "transcodex_attempts_total": attempts}
    metrics = {**sums, "transcodex_failovers_total": 1}
    health = {"exchanges": {"answered": in_health}, "attempts": {"answered": attempts}}
    return list(soak_checks.counts(metrics, health, exchanges, requests))


def test_counts_that_differ_are_seen() -> None:
    assert counted() == []
    assert counted(in_health=2)
    assert counted(ended=2, in_health=2)
    assert counted(attempts=4)
    assert counted(requests=4)


@pytest.mark.parametrize(
    ("began", "ended", "is_explained"), [(9, 9.5, False), (9, 10.5, True), (10.5, 10.5, True), (12, 13, False)]
)
def test_a_kill_explains_the_end_of_what_was_in_flight_or_came_while_it_was_down(
    began: float, ended: float, is_explained: bool
) -> None:
    kill = soak_checks.Kill(10.0, "", [], back=11.0)
    assert kill.explains(Exchange(1, "plain", began=began, ended=ended)) == is_explained
