"""Saved exchanges, converted anew: what differs from what was recorded is shown, and nothing else."""

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow

from addons.cases.case import Case
from addons.exchange.flow_metadata import FAULT
from tests.addons.example_cases import RESPONSE_CHUNKS, case, flows_of, request_fields, three_attempts

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "flows.mitm"


def save(file: Path, saved: Iterable[http.HTTPFlow]) -> None:
    with file.open("wb") as stream:
        writer = FlowWriter(stream)
        for flow in saved:
            writer.add(flow)


def recorded(file: Path, *cases: Case) -> None:
    save(file, (flow for recorded_case in cases for flow in flows_of(recorded_case)))


def compared(file: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code and what was printed."""
    command = [sys.executable, str(ROOT / "scripts" / "compare.py"), str(file), "--jobs", "2", *arguments]
    environment = {"PYTHONPATH": str(ROOT), "TZ": "UTC"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def with_other_request(recorded_case: Case) -> Case:
    return replace(
        recorded_case, upstream_request=recorded_case.upstream_request.replace(b'"model-x"', b'"model-of-old"')
    )


def with_other_answer(recorded_case: Case) -> Case:
    told = replace(recorded_case.client_response, data=recorded_case.client_response.data.replace(b'"Hel"', b'"Jel"'))
    return replace(recorded_case, client_response=told)


def test_what_is_converted_as_it_was_is_no_difference(file: Path) -> None:
    recorded(file, case(), case(request_fields("other")), case(pieces=(b'{"error":{}}',), status=500))
    assert compared(file) == (0, "3 exchanges: 3 the same, 0 different\n", "")


def test_a_request_that_differs_is_shown_line_by_line(file: Path) -> None:
    recorded(file, case(), with_other_request(case()))
    code, said, _ = compared(file)
    assert code == 1
    assert "m-1 -> acme model-x (chat)" in said
    assert '-  "model": "model-of-old"' in said
    assert '+  "model": "model-x"' in said
    assert said.endswith("2 exchanges: 1 the same, 1 different\n")


def test_a_stream_that_differs_is_shown_event_by_event(file: Path) -> None:
    recorded(file, with_other_answer(case()))
    code, said, _ = compared(file)
    assert code == 1
    shown = said.splitlines()
    assert [line for line in shown if line.startswith("@@")] == ["@@ event 4: response.output_text.delta"]
    assert [line for line in shown if "el" in line and line[:1] in "-+"][-2:] == [
        '-  "delta": "Jel"',
        '+  "delta": "Hel"',
    ]


def test_events_that_are_new_or_gone_are_shown_as_such(file: Path) -> None:
    recorded_case = case()
    stream = recorded_case.client_response.data
    event = stream[stream.index(b"event: response.output_text.delta") :].partition(b"\n\n")[0] + b"\n\n"
    recorded(
        file,
        replace(recorded_case, client_response=replace(recorded_case.client_response, data=stream.replace(event, b""))),
    )
    assert "\n+response.output_text.delta {" in compared(file)[1]


def test_signs_of_life_are_no_difference(file: Path) -> None:
    recorded_case = case()
    alive = b'event: keepalive\ndata: {"type":"keepalive"}\n\n'
    told = replace(
        recorded_case.client_response, data=recorded_case.client_response.data.replace(b"event:", alive + b"event:", 3)
    )
    recorded(file, replace(recorded_case, client_response=told))
    assert compared(file)[0] == 0


def test_flows_that_are_not_ours_are_counted_as_skipped(file: Path) -> None:
    save(file, [tflow.tflow(resp=True), *flows_of(case()), flows_of(case())[0]])
    assert compared(file)[1] == (
        "1 exchanges: 1 the same, 0 different; skipped: 2 not converted, or one side is missing\n"
    )


def test_the_sides_may_stand_in_any_order(file: Path) -> None:
    pairs = [flows_of(case()) for _ in range(3)]
    save(file, [client for _, client in pairs] + [attempt for attempt, _ in pairs])
    assert compared(file)[1].startswith("3 exchanges: 3 the same")


def test_the_last_attempt_is_the_one_that_was_answered(file: Path) -> None:
    attempt, client = flows_of(case())
    failed = attempt.copy()
    failed.response = None
    save(file, [failed, attempt, client])
    assert compared(file)[1].startswith("1 exchanges: 1 the same")


def test_of_several_attempts_the_one_is_compared_that_the_client_read(file: Path) -> None:
    *attempts, client = three_attempts()
    for saved in ([*attempts, client], [client, *attempts], [attempts[2], client, *attempts[:2]]):
        save(file, saved)
        assert compared(file)[1].startswith("1 exchanges: 1 the same, 0 different"), saved


@pytest.mark.parametrize("read", [1, 2])
def test_where_all_failed_the_failure_is_compared_that_the_client_read(file: Path, read: int) -> None:
    save(file, three_attempts(read))
    assert compared(file)[1].startswith("1 exchanges: 1 the same, 0 different")


def test_without_the_attempt_that_was_read_nothing_is_compared(file: Path) -> None:
    *failed, _, client = three_attempts()
    save(file, [*failed, client])
    assert (
        compared(file)[1] == "0 exchanges: 0 the same, 0 different; skipped: 1 not converted, or one side is missing\n"
    )


def test_a_filter_that_finds_a_failed_attempt_chooses_its_exchange(file: Path) -> None:
    save(file, three_attempts())
    assert compared(file, '~meta "provider: other"')[:2] == (0, "1 exchanges: 1 the same, 0 different\n")


def test_a_filter_chooses_by_either_side(file: Path) -> None:
    recorded(file, case(), with_other_request(case()))
    assert compared(file, '~meta "provider: acme"')[0] == 1
    assert compared(file, '~meta "provider: other"')[:2] == (0, "0 exchanges: 0 the same, 0 different\n")
    assert compared(file, "~nonsense")[0] == 2


def test_long_differences_are_cut_and_counted(file: Path) -> None:
    recorded(file, *[with_other_request(with_other_answer(case()))] * 3)
    code, said, _ = compared(file, "--lines", "5", "--most", "2")
    assert (code, said.count("==="), said.count("lines more")) == (1, 2, 2)
    assert "3 exchanges: 0 the same, 3 different" in said


def test_a_file_that_is_cut_is_compared_up_to_there(file: Path) -> None:
    recorded(file, case(), case())
    file.write_bytes(file.read_bytes()[:-100])
    code, said, told = compared(file)
    assert code == 2
    assert said.startswith("1 exchanges: 1 the same")
    assert "flow 4, at byte" in told


@pytest.mark.parametrize("content", [None, b"no flows at all"])
def test_a_file_that_is_none_is_told(file: Path, content: bytes | None) -> None:
    if content is not None:
        file.write_bytes(content)
    code, _, told = compared(file)
    assert code == 2
    assert str(file) in told


def test_a_break_is_met_with_the_words_of_then(file: Path) -> None:
    broken = case(pieces=RESPONSE_CHUNKS[:2], broken="cut")
    attempt, client = flows_of(broken)
    assert broken.metadata.fault is not None
    attempt.error = tflow.terr()
    attempt.error.msg = "acme broke off: reset"
    fault = broken.metadata.fault.model_copy(update={"message": "acme broke off: reset"})
    attempt.metadata[FAULT] = fault.model_dump_json()
    renewed = replace(broken, metadata=broken.metadata.model_copy(update={"fault": fault})).renewed()
    assert client.response is not None
    client.response.raw_content = renewed.client_response.data
    save(file, [attempt, client])
    assert compared(file)[:2] == (0, "1 exchanges: 1 the same, 0 different\n")


def test_a_question_that_was_asked_without_thinking_is_converted_so_again(file: Path) -> None:
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "content": []}
    call = {"type": "function_call", "call_id": "c", "name": "ls", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c", "output": "x"}
    user = {"type": "message", "role": "user", "content": "hi"}
    recorded_case = case(request_fields([user, thought, call, output]))
    without = replace(
        recorded_case, metadata=recorded_case.metadata.model_copy(update={"without_thinking": True})
    ).renewed()
    recorded(file, recorded_case, without)
    assert compared(file)[:2] == (0, "2 exchanges: 2 the same, 0 different\n")
